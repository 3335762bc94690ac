"""A document must be RSS or Atom throughout; any other one never counts as empty."""

import time
from collections.abc import Callable

import pytest

from ingester.gateways.providers.answers import Unreadable, UnreadableAnswer
from ingester.gateways.providers.port import Page
from ingester.gateways.providers.rss.document import ENTRIES_MAX, read

Write = Callable[..., bytes]
Read = Callable[[bytes], Page]
BOMB = (
    b'<!DOCTYPE rss [<!ENTITY a0 "boom">'
    + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10))
    + b"]><rss><channel><title>&a9;</title></channel></rss>"
)
FILE = b'<!DOCTYPE rss [<!ENTITY f SYSTEM "file:///etc/passwd">]><rss><channel><item><guid>&f;</guid></item></channel></rss>'


@pytest.mark.parametrize(
    ("body", "media", "reason"),
    [
        (b"", None, Unreadable.EMPTY),
        (b" \n ", "text/xml", Unreadable.EMPTY),
        (b"<!DOCTYPE html><html></html>", None, Unreadable.HTML),
        (b"<html><body/></html>", "application/xml", Unreadable.HTML),
        (b"<rss><channel/></rss>", "text/html; charset=utf-8", Unreadable.HTML),
        (b"<rss><channel/></rss>", "image/png", Unreadable.CONTENT_TYPE),
        (b'{"items":[]}', None, Unreadable.MALFORMED),
        (b"Access denied", None, Unreadable.MALFORMED),
        (b"<rss><channel><item><guid>1</guid></item>", None, Unreadable.MALFORMED),
        (b"<rss><channel><item><![CDATA[", None, Unreadable.MALFORMED),
        (b"<a>" * 100_000 + b"</a>" * 100_000, None, Unreadable.MALFORMED),
        (b"<rss" + b' a="1"' * 3 + b"><channel/></rss>", None, Unreadable.MALFORMED),
        (BOMB, None, Unreadable.DOCTYPE),
        (b"<!-- x -->" + BOMB, None, Unreadable.DOCTYPE),
        (FILE, None, Unreadable.DOCTYPE),
        (b"<!DOCTYPE rss><rss><channel/></rss>", None, Unreadable.DOCTYPE),
        (b'<?xml version="1.0" encoding="utf-7"?><rss><channel/></rss>', None, Unreadable.ENCODING),
        (b"<rss><channel/></rss>", "text/xml; charset=shift_jis", Unreadable.ENCODING),
        (b"<rss/>", None, Unreadable.NOT_AN_ANSWER),
        (b"<response><status>SUCCESS</status></response>", None, Unreadable.NOT_AN_ANSWER),
        (b'<feed xmlns="http://purl.org/atom/ns#"/>', None, Unreadable.NOT_AN_ANSWER),
        (b"<feed/>", None, Unreadable.NOT_AN_ANSWER),
        (b"<rss><channel>" + b"<item/>" * (ENTRIES_MAX + 1) + b"</channel></rss>", None, Unreadable.TOO_MANY),
    ],
)
def test_an_invalid_document_is_an_error_with_its_reason(
    body: bytes, media: str | None, reason: Unreadable
) -> None:
    with pytest.raises(UnreadableAnswer) as refused:
        read(body, media)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    "media",
    [None, "", "application/rss+xml", "application/atom+xml; charset=UTF-8", "text/xml", "application/xml"],
)
def test_the_media_types_of_feeds_are_accepted(media: str | None, rss: Write) -> None:
    assert read(rss(""), media).entries == ()


def test_a_feed_may_have_no_entries_and_the_maximum_is_read_quickly(atom: Write, page: Read) -> None:
    assert page(atom("<title>Quiet</title>")) == Page()
    began = time.monotonic()
    many = page(atom("".join(f"<entry><id>{n}</id></entry>" for n in range(ENTRIES_MAX))))
    assert (len(many.articles), many.count) == (ENTRIES_MAX, ENTRIES_MAX)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_the_usual_encodings_are_read(encoding: str, page: Read) -> None:
    declared = encoding.removesuffix("-sig")
    item = "<item><guid>1</guid><title>Zürich</title></item>"
    text = f'<?xml version="1.0" encoding="{declared}"?><rss><channel>{item}</channel></rss>'
    assert page(text.encode(encoding)).articles[0].title == "Zürich"


@pytest.mark.parametrize(
    ("invalid", "title"),
    [
        (b"A\x00B", "AB"),
        (b"A&#0;B", "AB"),
        (b"A & B", "A & B"),
        (b"A&nbsp;B", "A B"),
        (b"A\xffB", "A\ufffdB"),
    ],
)
def test_defects_that_a_strict_parser_refuses_are_repaired(invalid: bytes, title: str, page: Read) -> None:
    body = b"<rss><channel><item><guid>1</guid><title>" + invalid + b"</title></item></channel></rss>"
    assert page(body).articles[0].title == title


def test_a_gigantic_field_affects_only_its_entry(rss: Write, page: Read) -> None:
    found = page(
        rss(f"<item><guid>1</guid><title>{'x' * 2_000_000}</title></item><item><guid>2</guid></item>")
    )
    assert [one.code for one in found.bad] == ["invalid"]
    assert len(found.articles) == 1


def test_entries_outside_the_feed_element_are_ignored(rss: Write, page: Read) -> None:
    assert page(rss("<image><item><guid>1</guid></item></image>")).count == 0
