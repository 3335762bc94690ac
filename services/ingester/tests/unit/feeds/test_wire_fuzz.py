"""Any input results in a page, an unreadable response or a failure, and errors contain none of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingester.gateways.providers.answers import UnreadableAnswer
from ingester.gateways.providers.http_body import Body
from ingester.gateways.providers.metabase.codes import ProviderFailure
from ingester.gateways.providers.metabase.values import Page, RevokedPage
from ingester.gateways.providers.metabase.wire import parse_articles, parse_rate_limits, parse_revoked

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CANARY = "cnryfuzz"
MEDIA = st.sampled_from(
    [None, "application/xml", "application/json", "text/html", "text/xml;charset=latin-1", ";;="]
)
NAMES = st.sampled_from(
    [
        "id", "sequenceId", "title", "content", "source", "companies", "topics", "licenses", "author", "locations",
        "semantics", "entities", "properties", "sentiment", "score", "feed", "publishedDate", "embargoDate", "media",
        "image", "tags", "wordCount", "name", "value", "country", "isoCode", "latitude", "unheard",
    ]
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(
        ["1", "0", "_", "2026-03-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "0000-00-00", "NaN", "1e400"]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
ARTICLES = st.dictionaries(NAMES, VALUES, max_size=8) | VALUES
ENVELOPES = st.fixed_dictionaries(
    {"status": st.sampled_from(["SUCCESS", "SUCCESS", "SUCCESS", "FAILURE", "", 1])},
    optional={
        "messageCode": SCALARS,
        "articles": st.lists(ARTICLES, max_size=4) | VALUES,
        "revokedArticles": st.lists(ARTICLES, max_size=4) | VALUES,
        "rateLimits": VALUES,
        "nextSequenceId": VALUES,
    },
)
READERS: list[Callable[[bytes, str | None], object]] = [
    lambda body, media: parse_articles(body, media, received_at=NOW),
    parse_revoked,
    parse_rate_limits,
]
slowly = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])


def check(body: bytes, media: str | None) -> None:
    """Checks that every parser has one of the three results, and that it can be stored."""
    errors: list[str] = []
    for read in READERS:
        try:
            keepable(read(body, media))
        except (UnreadableAnswer, ProviderFailure) as error:
            errors.append(str(error))
    assert CANARY not in "".join(errors)


def keepable(found: object) -> None:
    if isinstance(found, Page):
        assert found.count == len(found.articles) + len(found.bad)
        for article in found.articles:
            text = article.model_dump_json()
            assert "\\u0000" not in text
            assert type(article).model_validate_json(text) == article
    if isinstance(found, Page | RevokedPage):
        for bad in found.bad:
            assert CANARY not in bad.code + bad.detail
            assert isinstance(bad.raw, bytes)


@slowly
@given(body=st.binary(max_size=400), media=MEDIA)
def test_any_bytes(body: bytes, media: str | None) -> None:
    check(body, media)


@slowly
@given(fields=ENVELOPES)
def test_any_json_with_known_names(fields: dict[str, Any]) -> None:
    check(orjson.dumps(fields, option=orjson.OPT_NON_STR_KEYS), "application/json")


@slowly
@given(fields=ENVELOPES, data=st.data())
def test_any_damaged_json(fields: dict[str, Any], data: st.DataObject) -> None:
    check(damaged(orjson.dumps(fields), data), "application/json")


@slowly
@given(data=st.data())
def test_a_damaged_valid_page(golden_pages: list[bytes], data: st.DataObject) -> None:
    body = data.draw(st.sampled_from(golden_pages))
    check(damaged(body, data), data.draw(MEDIA))


@slowly
@given(fields=st.dictionaries(NAMES.filter(lambda name: name != "image"), VALUES, max_size=8))
def test_any_tree_reads_the_same_from_both_formats(
    fields: dict[str, Any], as_xml_members: Callable[[Any], bytes | None]
) -> None:
    fields = {
        "sequenceId": "1",
        "id": "2",
        **{name: value for name, value in fields.items() if isinstance(value, str)},
    }
    json = orjson.dumps({"status": "SUCCESS", "articles": [fields]})
    xml = as_xml_members({"status": "SUCCESS", "articles": [fields]})
    if xml is not None:
        left, right = (parse_articles(body, None, received_at=NOW) for body in (json, xml))
        assert left.articles == right.articles
        assert [bad.code for bad in left.bad] == [bad.code for bad in right.bad]


@slowly
@given(
    chunks=st.lists(st.binary(max_size=60), max_size=6),
    encoding=st.sampled_from(["", "gzip", "deflate", "br"]),
)
def test_any_compressed_bytes(chunks: list[bytes], encoding: str) -> None:
    try:
        body = Body(encoding, 100)
        for chunk in chunks:
            body.feed(chunk)
        assert len(body.whole()) <= 100
    except UnreadableAnswer:
        pass


def damaged(body: bytes, data: st.DataObject) -> bytes:
    """Returns the bytes with a cut, a repetition or foreign bytes in the middle."""
    at, to = sorted(data.draw(st.tuples(st.integers(0, len(body)), st.integers(0, len(body)))))
    foreign = [
        b"",
        b"\x00",
        b"\xff",
        b"&",
        b"&#0;",
        b"<a>",
        b"</article>",
        b"]]>",
        b"<![CDATA[",
        b'"',
        b"{",
        CANARY.encode(),
    ]
    part = data.draw(st.sampled_from([*foreign, body[at:to]]))
    return body[:at] + part + (body[to:] if data.draw(st.booleans()) else body[at:])


@pytest.fixture(scope="module")
def golden_pages() -> list[bytes]:
    """Returns the goldens with a token in their texts."""
    goldens = Path(__file__).parents[2] / "goldens"
    return [
        (goldens / name).read_text().replace("line", CANARY).encode()
        for name in ("articles.xml", "articles.json")
    ]


@pytest.fixture(scope="module")
def as_xml_members() -> Callable[[Any], bytes | None]:
    """Returns an envelope of texts in XML; None if XML cannot express one of them."""

    def write(envelope: dict[str, Any]) -> bytes | None:
        inner = ""
        for name, value in envelope["articles"][0].items():
            text = "".join(f"&#{ord(each)};" if each in "\r\x80\x85" else escape(each) for each in value)
            inner += f"<{name}>{text}</{name}>"
        page = f"<response><status>SUCCESS</status><articles><article>{inner}</article></articles></response>"
        return page.encode()

    return write
