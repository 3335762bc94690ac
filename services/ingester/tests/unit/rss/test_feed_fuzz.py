"""Any input results in a page or an unreadable response, and errors contain none of it."""

from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clawback_common.subjects import is_article_id
from clawback_contracts.article.v1 import Licence, Source
from ingester.gateways.providers.answers import UnreadableAnswer
from ingester.gateways.providers.port import Page
from ingester.gateways.providers.rss.cursor import Cursor
from ingester.gateways.providers.rss.document import entry_of, read
from ingester.gateways.providers.rss.entry import Holder
from ingester.gateways.providers.rss.source import page_of
from ingester.gateways.providers.scalars import internet_date

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MAIL_DATES = r"[A-Z][a-z]{2}, [0-9]{1,6} [A-Za-z]{3} [0-9]{1,9} [0-9:]{0,12} [A-Z+0-9-]{0,9}"
CANARY = "cnryfuzz"
HOLDER = Holder("agency-a", Source(key="a"), Licence(name="A"), "en")
SPACES = (
    'xmlns:at="http://purl.org/atompub/tombstones/1.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:a="http://www.w3.org/2005/Atom" xmlns:x="urn:x"'
)
MEDIA = st.sampled_from(
    [None, "text/xml", "application/rss+xml", "text/html", "text/xml;charset=latin-1", ";;="]
)
NAMES = st.sampled_from(
    [
        "item", "guid", "link", "title", "description", "pubDate", "category", "author", "content:encoded",
        "dc:creator", "dc:date", "dc:language", "a:entry", "a:id", "a:title", "a:content", "a:updated", "a:published",
        "a:link", "a:author", "a:name", "a:category", "at:deleted-entry", "x:title", "language",
    ]
)  # fmt: skip
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["ref", "when", "type", "href", "rel", "term", "label", "xml:lang", "isPermaLink"]),
    st.sampled_from(["", "xhtml", "html", "alternate", "1", "en", "!", "2026-02-28T10:00:00Z", CANARY]),
    max_size=3,
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["2026-02-28T10:00:00Z", "Sat, 28 Feb 2026 10:00:00 GMT", "9999-12-31T23:59:59-14:00", "0000-00-00", "https://a/b",
     CANARY, "x" * 25_000]
)  # fmt: skip


def element(name: str, attributes: dict[str, str], inner: str) -> str:
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{written}>{inner}</{name}>"


TREES = st.recursive(
    TEXTS.map(escape),
    lambda inner: st.builds(element, NAMES, ATTRIBUTES, st.lists(inner, max_size=5).map("".join)),
    max_leaves=25,
)
ENTRIES = st.lists(
    st.builds(
        element,
        st.sampled_from(["item", "a:entry", "at:deleted-entry"]),
        ATTRIBUTES,
        st.lists(st.builds(element, NAMES, ATTRIBUTES, TREES), max_size=6).map("".join),
    ),
    max_size=4,
).map("".join)
slowly = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def rss(inner: str) -> bytes:
    return f"<rss {SPACES}><channel>{inner}</channel></rss>".encode()


def atom(inner: str) -> bytes:
    return f"<a:feed {SPACES}>{inner}</a:feed>".encode()


def check(body: bytes, media: str | None) -> None:
    """Checks for a page that can be stored, or an error without any of the document."""
    error_text = ""
    try:
        keepable(page_of(read(body, media).entries, HOLDER, NOW))
    except UnreadableAnswer as error:
        error_text = str(error)
    assert CANARY not in error_text


def keepable(page: Page) -> None:
    assert page.count == len(page.articles) + len(page.revoked) + len(page.bad)
    for article in page.articles:
        text = article.model_dump_json()
        assert "\\u0000" not in text
        assert type(article).model_validate_json(text) == article
        assert article.source_order is not None
        assert 0 <= article.source_order < 2**53
    assert all(is_article_id(f"rss:{one.provider_article_id}") for one in page.revoked)
    for bad in page.bad:
        assert CANARY not in bad.code + bad.detail
        again = page_of([entry_of(bad.raw)], HOLDER, NOW)
        assert [(one.code, one.provider_id, one.revocation) for one in again.bad] == [
            (bad.code, bad.provider_id, bad.revocation)
        ]


@slowly
@given(body=st.binary(max_size=400), media=MEDIA)
def test_any_bytes(body: bytes, media: str | None) -> None:
    check(body, media)


@slowly
@given(inner=ENTRIES, media=MEDIA, data=st.data())
def test_any_entries_with_known_names(inner: str, media: str | None, data: st.DataObject) -> None:
    check(data.draw(st.sampled_from([rss, atom]))(inner), media)


@slowly
@given(inner=ENTRIES, data=st.data())
def test_any_damaged_document(inner: str, data: st.DataObject) -> None:
    check(damaged(data.draw(st.sampled_from([rss, atom]))(inner), data), data.draw(MEDIA))


@slowly
@given(text=st.text(max_size=40) | st.from_regex(MAIL_DATES))
def test_any_date_is_read_or_not(text: str) -> None:
    moment = internet_date(text)
    assert moment is None or moment.tzinfo is UTC


@slowly
@given(
    values=st.dictionaries(st.sampled_from(["etag", "last-modified"]), st.binary(max_size=220), max_size=2)
)
def test_any_state_is_a_cursor_that_can_be_stored_and_read_again(values: dict[str, bytes]) -> None:
    cursor = Cursor.of(b"", httpx.Headers([(name.encode(), value) for name, value in values.items()]))
    assert Cursor.read(cursor.written) == cursor
    assert cursor.written.isprintable()
    assert len(cursor.written) <= 200


def damaged(body: bytes, data: st.DataObject) -> bytes:
    """Returns the bytes with a cut, a repetition or foreign bytes in the middle."""
    at, to = sorted(data.draw(st.tuples(st.integers(0, len(body)), st.integers(0, len(body)))))
    foreign = [
        b"", b"\x00", b"\xff", b"&", b"&#0;", b"<a>", b"</item>", b"]]>", b"<![CDATA[", b'"', b"<!DOCTYPE a>",
        CANARY.encode(),
    ]  # fmt: skip
    part = data.draw(st.sampled_from([*foreign, body[at:to]]))
    return body[:at] + part + (body[to:] if data.draw(st.booleans()) else body[at:])
