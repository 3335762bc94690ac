"""Pages in the provider's two formats, built from plain values."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import orjson
import pytest

from ingester.gateways.providers.metabase.values import Page
from ingester.gateways.providers.metabase.wire import parse_articles

RECEIVED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOLDENS = Path(__file__).parents[2] / "goldens"
MEMBER = {
    "articles": "article", "companies": "company", "entities": "entity", "indexTerms": "indexTerm",
    "licenses": "license", "locations": "location", "outboundUrls": "outboundUrl", "properties": "property",
    "revokedArticles": "article", "tags": "tag", "topics": "topic", "rateLimits": "rateLimit",
}  # fmt: skip
REPEATED = ("audio", "image", "video")


def xml(name: str, value: Any) -> str:
    """Returns one element as written by the provider: empty ones stay, and each list member has an element."""
    match value:
        case dict():
            inner = "".join(xml(key, member) for key, member in value.items())
        case list() if name in REPEATED:
            return "".join(xml(name, member) for member in value)
        case list():
            inner = "".join(xml(MEMBER[name], member) for member in value)
        case bool():
            inner = str(value).lower()
        case None:
            inner = ""
        case _:
            inner = escape(str(value))
    return f"<{name}>{inner}</{name}>" if inner else f"<{name}/>"


@pytest.fixture
def as_xml() -> Callable[[Any], bytes]:
    """Returns a response in XML from the fields of an envelope."""
    return lambda fields: f'<?xml version="1.0" encoding="UTF-8"?>\n{xml("response", fields)}'.encode()


@pytest.fixture
def wire() -> Callable[..., dict[str, Any]]:
    """Returns a small valid article in the provider's format, with changes; a change to ... omits the field."""

    def article(**changes: Any) -> dict[str, Any]:
        fields = {
            "sequenceId": "1782454301592",
            "id": "52999982276",
            "title": "Harbour opens",
            "content": "Ships came.",
            "publishedDate": "2026-02-28T10:00:00Z",
            "source": {"id": "", "name": "The Lighthouse", "feed": {"id": "77"}},
        } | changes
        return {name: value for name, value in fields.items() if value is not ...}

    return article


@pytest.fixture(params=["xml", "json"])
def page(request: pytest.FixtureRequest, as_xml: Callable[[Any], bytes]) -> Callable[..., Page]:
    """Parses articles given as plain values, in each format."""

    def read(*articles: Any) -> Page:
        fields = {"status": "SUCCESS", "articles": list(articles)}
        body = as_xml(fields) if request.param == "xml" else orjson.dumps(fields)
        return parse_articles(body, f"application/{request.param}", received_at=RECEIVED_AT)

    return read


@pytest.fixture
def received_at() -> datetime:
    """When the page was received."""
    return RECEIVED_AT


@pytest.fixture
def golden() -> Callable[[str], bytes]:
    """Returns a file of the goldens."""
    return lambda name: (GOLDENS / name).read_bytes()
