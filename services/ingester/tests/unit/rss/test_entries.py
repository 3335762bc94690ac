"""The result for an entry of RSS or Atom: an article, a revocation, or quarantine of this entry alone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clawback_common.subjects import is_article_id
from clawback_contracts.article.v1 import ArticleSubmitted, Licence
from ingester.domain.unparsed_fields import ANY_FIELD
from ingester.gateways.providers.port import Page
from ingester.gateways.providers.rss.document import read
from ingester.gateways.providers.rss.entry import Holder
from ingester.gateways.providers.rss.source import page_of

Write = Callable[..., bytes]
Read = Callable[[bytes], Page]
WHEN = datetime(2026, 2, 28, 10, tzinfo=UTC)
ITEM = """
<item>
  <guid isPermaLink="false">g-1</guid><title>Harbour
   opens</title><description>In short</description>
  <content:encoded><![CDATA[<p>Ships came.</p>]]></content:encoded>
  <dc:creator>Ann</dc:creator><author>bob@news.example (Bob)</author><dc:creator>Ann</dc:creator>
  <category>Sea</category><category>Trade</category><dc:language>de-AT</dc:language>
  <link>https://news.example/1</link><dc:rights>(c) News</dc:rights>
  <pubDate>Sat, 28 Feb 2026 11:00:00 +0100</pubDate><a:updated>2026-02-28T10:30:00.000001Z</a:updated>
</item>"""
ENTRY = """
<entry>
  <id>g-1</id><title>Harbour
   opens</title><summary>In short</summary>
  <content type="html">&lt;p>Ships came.&lt;/p></content>
  <author><name>Ann</name><email>a@news.example</email></author><author><name>bob@news.example (Bob)</name></author>
  <category term="Sea"/><category term="x" label="Trade"/>
  <link rel="edit" href="https://news.example/edit"/><link href="https://news.example/1"/>
  <rights>(c) News</rights><published>2026-02-28T11:00:00+01:00</published>
  <updated>2026-02-28T10:30:00.000001Z</updated>
</entry>"""


def only(page: Page) -> ArticleSubmitted:
    assert page.bad == ()
    (found,) = page.articles
    return found


def test_an_item_of_rss_and_an_entry_of_atom_with_the_same_content_are_the_same_article(
    atom: Write, rss: Write, page: Read
) -> None:
    left = only(page(rss(ITEM)))
    right = only(page(atom(ENTRY, 'xml:lang="de-AT"')))
    assert set(left.authors) == set(right.authors) == {"Ann", "bob@news.example (Bob)"}
    assert left.model_copy(update={"authors": ()}) == right.model_copy(update={"authors": ()})


def test_every_field_of_an_entry_is_read(rss: Write, page: Read) -> None:
    found = only(page(rss(ITEM)))
    updated = datetime(2026, 2, 28, 10, 30, 0, 1, tzinfo=UTC)
    assert found.model_dump(
        include={"title", "summary", "body", "tags", "language", "url", "copyright", "published_at"}
    ) == {
        "title": "Harbour opens",
        "summary": "In short",
        "body": "<p>Ships came.</p>",
        "tags": ("Sea", "Trade"),
        "language": "de-AT",
        "url": "https://news.example/1",
        "copyright": "(c) News",
        "published_at": WHEN,
    }
    assert (found.updated_at, found.source_order) == (updated, round(updated.timestamp() * 1e6))
    assert (found.source.key, found.licences) == ("agency-a", (Licence(name="Agency A"),))
    assert found.article_id == "rss:agency-a-28531f16ae2b09a3661d731423579d38"


@pytest.mark.parametrize(
    "key",
    [
        "g-1",
        "https://news.example/?p=1&amp;q=2",
        "ünïcode ☃",
        "x" * 5_000,
        "tag:news.example,2026:1",
        "&#0;a&#7;",
    ],
)
def test_any_guid_results_in_a_valid_and_stable_id(key: str, rss: Write, page: Read) -> None:
    first, again = (only(page(rss(f"<item><guid>{key}</guid></item>"))) for _ in range(2))
    assert is_article_id(first.article_id)
    assert first.article_id == again.article_id


def test_different_names_of_feeds_give_different_ids(
    rss: Write, holder: Holder, received_at: datetime
) -> None:
    entries = read(rss(ITEM), None).entries
    pages = [page_of(entries, replace(holder, feed=name), received_at) for name in ("a", "b")]
    assert len({only(page).article_id for page in pages}) == 2


def test_an_entry_without_an_id_is_identified_by_its_link(atom: Write, rss: Write, page: Read) -> None:
    by_link = only(page(rss("<item><link>https://news.example/1</link></item>")))
    assert (
        by_link.article_id
        == only(page(atom('<entry><link href="https://news.example/1"/></entry>'))).article_id
    )
    assert by_link.article_id != only(page(rss(ITEM))).article_id


@pytest.mark.parametrize(
    "entry", ["<item/>", "<item><title>t</title><guid> </guid></item>", "<item><guid/></item>"]
)
def test_an_entry_without_a_stable_id_is_quarantined_and_the_others_are_not(
    entry: str, rss: Write, page: Read
) -> None:
    found = page(rss(ITEM + entry + ITEM.replace("g-1", "g-2")))
    assert (len(found.articles), found.count) == (2, 3)
    (bad,) = found.bad
    assert (bad.index, bad.code, bad.provider_id, bad.sequence, bad.revocation) == (
        1,
        "no_id",
        None,
        None,
        False,
    )
    assert bad.raw.startswith(b"<item")


def test_an_entry_that_violates_the_contract_is_quarantined_with_its_id_and_without_content(
    rss: Write, page: Read
) -> None:
    sound = only(page(rss(ITEM)))
    (bad,) = page(rss(ITEM.replace("Harbour", "canary" * 4_000))).bad
    assert (bad.code, bad.detail) == ("invalid", "title (string_too_long)")
    assert f"rss:{bad.provider_id}" == sound.article_id
    assert b"canary" in bad.raw


def test_two_bad_entries_with_the_same_time_are_distinct(rss: Write, page: Read) -> None:
    found = page(rss("<item><title>a</title></item><item><title>b</title></item>"))
    assert [one.sequence for one in found.bad] == [None, None]
    assert len({one.raw for one in found.bad}) == 2


# Times


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("Sat, 28 Feb 2026 10:00:00 GMT", WHEN),
        ("28 Feb 2026 05:00 EST", WHEN),
        ("Sat, 28 Feb 26 10:00:00 -0000", WHEN),
        ("2026-02-28T10:00:00Z", WHEN),
        ("2026-02-28T10:00:00", WHEN),
    ],
)
def test_times_are_read_as_servers_write_them(
    written: str, read_as: datetime, rss: Write, page: Read
) -> None:
    found = only(page(rss(f"<item><guid>1</guid><pubDate>{written}</pubDate></item>")))
    assert (found.published_at, found.updated_at) == (read_as, None)
    assert found.source_order == round(read_as.timestamp() * 1e6)


@pytest.mark.parametrize(
    "written",
    [
        "yesterday",
        "",
        "9999-12-31T23:59:59-14:00",
        "Fri, 31 Dec 9999 23:59:59 -1400",
        "0001-01-01",
        "2026-13-01",
        "Sat, 99 Feb 2026 10:00:00 GMT",
        "²",
    ],
)
def test_an_entry_without_a_readable_time_is_dated_by_its_arrival_and_keeps_its_first_copy(
    written: str, rss: Write, page: Read, received_at: datetime
) -> None:
    found = page(rss(f"<item><guid>1</guid><pubDate>{written}</pubDate></item>"))
    assert (only(found).published_at, only(found).source_order) == (received_at, 0)
    assert found.not_understood == ({ANY_FIELD: 1, "pubDate": 1} if written else {})


def test_a_time_far_in_the_future_is_ignored_because_it_would_block_all_updates(
    atom: Write, page: Read, received_at: datetime
) -> None:
    def entry(updated: datetime) -> bytes:
        return atom(f"<entry><id>1</id><updated>{updated.isoformat()}</updated></entry>")

    assert only(page(entry(received_at + timedelta(hours=23)))).source_order
    far = page(entry(received_at + timedelta(days=2)))
    assert (only(far).source_order, far.not_understood["atom:updated"]) == (0, 1)


def test_the_version_increases_with_the_time_and_stays_in_range(atom: Write, page: Read) -> None:
    orders = [
        only(
            page(atom(f"<entry><id>1</id><published>1980-01-01T00:00:00Z</published>{updated}</entry>"))
        ).source_order
        for updated in (
            "",
            "<updated>2026-02-28T10:00:00Z</updated>",
            "<updated>2026-02-28T10:00:00.000001Z</updated>",
        )
    ]
    assert orders == sorted(set(orders), key=lambda order: order or 0)
    assert all(0 < (order or 0) < 2**53 for order in orders)
    assert (
        only(page(atom("<entry><id>1</id><updated>1600-01-01T00:00:00Z</updated></entry>"))).source_order == 0
    )


# Words


def test_html_and_xhtml_are_kept_unchanged(atom: Write, page: Read) -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Ships <b>came</b>.</p></div>'
    found = only(
        page(
            atom(
                f'<entry><id>1</id><title type="html">A &lt;b>B</title><content type="xhtml">{div}</content></entry>'
            )
        )
    )
    assert found.title == "A <b>B"
    assert "<p>Ships <b>came</b>.</p>" in (found.body or "")


def test_invalid_and_control_characters_are_removed(rss: Write, page: Read) -> None:
    found = only(page(rss("<item><guid>1</guid><title>\ufeffA\u0085 &#0;&#1;B</title></item>")))
    assert found.title.split() == ["A…", "B"]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "/relative",
        "https://",
        "file:///etc/passwd",
        "https://a b",
        "https://" + "x" * 3_000,
    ],
)
def test_an_address_that_is_not_http_is_omitted_and_counted(url: str, rss: Write, page: Read) -> None:
    found = page(rss(f"<item><guid>1</guid><link>{url}</link></item>"))
    assert only(found).url is None
    assert found.not_understood == {ANY_FIELD: 1, "link": 1}


def test_invalid_names_are_omitted_and_counted(rss: Write, page: Read) -> None:
    found = page(rss(f"<item><guid>1</guid><category>{'x' * 501}</category><category>a</category></item>"))
    assert only(found).tags == ("a",)
    assert found.not_understood["category"] == 1


def test_the_language_is_the_entrys_else_the_feeds_else_the_configured_one(
    rss: Write, holder: Holder, received_at: datetime
) -> None:
    def language(channel: str, entry: str) -> str | None:
        body = rss(f"{channel}<item><guid>1</guid>{entry}</item>")
        configured = replace(holder, language="fr")
        return only(page_of(read(body, None).entries, configured, received_at)).language

    assert language("<language>de</language>", "<dc:language>en-GB</dc:language>") == "en-GB"
    assert language("<language>de</language>", "") == "de"
    assert language("", "") == "fr"
    assert language("<language>English!</language>", "") == "fr"


def test_elements_of_other_namespaces_are_ignored(rss: Write, page: Read) -> None:
    found = only(page(rss('<item><guid>1</guid><m:title xmlns:m="urn:m">B</m:title><title>A</title></item>')))
    assert found.title == "A"
    foreign = '<x:title xmlns:x="http://backend.userland.com/rss2">A</x:title>'
    assert only(page(rss(f"<item><guid>1</guid>{foreign}</item>"))).title == "A"


# Revocations


def deleted(**attributes: str) -> str:
    written = " ".join(f"{name}='{value}'" for name, value in attributes.items())
    return f"<at:deleted-entry {written}/>"


@pytest.mark.parametrize("form", ["atom", "rss"])
def test_a_deleted_entry_is_a_revocation_of_the_article_with_its_id(
    form: str, atom: Write, rss: Write, page: Read
) -> None:
    body = (atom if form == "atom" else rss)(deleted(ref="g-1", when="2026-02-28T10:00:00Z"))
    (found,) = page(body).revoked
    assert f"rss:{found.provider_article_id}" == only(page(rss(ITEM))).article_id
    assert (found.revoked_at, found.sequence) == (WHEN, str(round(WHEN.timestamp() * 1e6)))


@pytest.mark.parametrize("when", ["", "soon", "2199-01-01T00:00:00Z"])
def test_a_deleted_entry_without_a_time_is_also_a_revocation(when: str, atom: Write, page: Read) -> None:
    (found,) = page(atom(deleted(ref="g-1", when=when))).revoked
    assert (found.sequence, found.revoked_at) == (None, None)


@pytest.mark.parametrize("attributes", [{}, {"ref": ""}, {"ref": " "}, {"href": "g-1"}])
def test_a_deleted_entry_without_a_reference_is_an_unreadable_revocation(
    attributes: dict[str, Any], atom: Write, page: Read
) -> None:
    found = page(atom(deleted(**attributes) + ENTRY))
    (bad,) = found.bad
    assert (bad.code, bad.detail, bad.revocation) == ("no_ref", "ref", True)
    assert (len(found.articles), found.revoked) == (1, ())


@pytest.mark.parametrize("space", ["", 'xmlns:at="urn:other"', 'xmlns:at="http://www.w3.org/2005/Atom"'])
def test_a_deleted_entry_is_recognized_in_any_namespace(space: str, atom: Write, page: Read) -> None:
    assert len(page(atom(f'<at:deleted-entry {space} ref="1"/>')).revoked) == 1
