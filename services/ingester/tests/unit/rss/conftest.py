"""Documents as written by servers, built from a few elements."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from clawback_contracts.article.v1 import Licence, Source
from ingester.gateways.providers.port import Page
from ingester.gateways.providers.rss.document import read
from ingester.gateways.providers.rss.entry import Holder
from ingester.gateways.providers.rss.source import page_of

RECEIVED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPACES = (
    'xmlns:at="http://purl.org/atompub/tombstones/1.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:a="http://www.w3.org/2005/Atom"'
)


@pytest.fixture
def received_at() -> datetime:
    """When the document was received."""
    return RECEIVED_AT


@pytest.fixture
def holder() -> Holder:
    """The feed of the entries."""
    return Holder("agency-a", Source(key="agency-a"), Licence(name="Agency A"), None)


@pytest.fixture
def atom() -> Callable[..., bytes]:
    """Returns a document of Atom with these elements; ``top`` are attributes of its root."""
    return lambda inner, top="": (
        f'<feed xmlns="http://www.w3.org/2005/Atom" {SPACES} {top}>{inner}</feed>'.encode()
    )


@pytest.fixture
def rss() -> Callable[..., bytes]:
    """Returns a document of RSS 2.0 with these elements in its channel."""
    return lambda inner: f'<rss version="2.0" {SPACES}><channel>{inner}</channel></rss>'.encode()


@pytest.fixture
def page(holder: Holder) -> Callable[[bytes], Page]:
    """Parses the entries of a document."""
    return lambda body: page_of(read(body, None).entries, holder, RECEIVED_AT)
