"""Articles on the provider's pages: fields that are read, kept in ``extra``, or quarantined."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from ingester.gateways.providers.metabase.values import Page
from ingester.gateways.providers.metabase.wire import parse_articles

Wire = Callable[..., dict[str, Any]]
Read = Callable[..., Page]
RECEIVED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_an_article_with_every_field_reads_the_same_from_xml_and_json(
    golden: Callable[[str], bytes], received_at: datetime
) -> None:
    expected = orjson.loads(golden("articles.expected.json"))
    for name, media in (("articles.xml", "application/xml"), ("articles.json", "application/json")):
        found = parse_articles(golden(name), media, received_at=received_at)
        assert [orjson.loads(article.model_dump_json()) for article in found.articles] == expected["articles"]
        assert [(bad.index, bad.provider_id, bad.sequence, bad.code) for bad in found.bad] == [
            tuple(bad) for bad in expected["bad"]
        ]
        assert (found.last_sequence, found.count) == (expected["last_sequence"], expected["count"])


def test_the_cursor_is_the_last_sequence_and_not_the_largest_id_or_date(page: Read, wire: Wire) -> None:
    found = page(
        wire(sequenceId="10", id="900", harvestDate="2026-02-28T12:00:00Z"),
        wire(sequenceId="400", id="100", harvestDate="2026-02-28T11:00:00Z"),
    )
    assert found.last_sequence == "400"


def test_a_sequence_and_an_id_may_exceed_32_bits(page: Read, wire: Wire) -> None:
    [article] = page(wire()).articles
    assert article.source_order == 1_782_454_301_592
    assert article.article_id == "metabase:52999982276"


def test_an_article_is_identified_by_its_id_and_never_by_its_duplicate_group(page: Read, wire: Wire) -> None:
    found = page(wire(id="5", duplicateGroupId="3"), wire(id="6", duplicateGroupId="3"))
    assert [article.article_id for article in found.articles] == ["metabase:5", "metabase:6"]
    assert {article.duplicate_group for article in found.articles} == {"3"}


@pytest.mark.parametrize("body", ["_", "__", "", " ", None, ...])
def test_a_body_that_the_licence_does_not_include_is_absent(page: Read, wire: Wire, body: Any) -> None:
    [article] = page(wire(content=body)).articles
    assert article.body is None


def test_empty_elements_are_absent_values(page: Read, wire: Wire) -> None:
    names = (
        "subTitle",
        "languageCode",
        "wordCount",
        "harvestDate",
        "embargoDate",
        "licenseEndDate",
        "media",
        "x",
    )
    [article] = page(wire(**dict.fromkeys(names), topics=[], companies=None, author={})).articles
    assert (article.subtitle, article.word_count, article.embargoed_until, article.licence_ends_at) == (
        None,
    ) * 4
    assert article.extra == {"source": {"feed": {"id": "77"}}}


def test_a_title_may_be_empty_and_has_no_line_breaks(page: Read, wire: Wire) -> None:
    found = page(wire(title=None), wire(title="One\n  two\u00a0three "))
    assert [article.title for article in found.articles] == ["", "One two three"]


def test_numbers_and_booleans_count_as_their_text(page: Read, wire: Wire) -> None:
    [article] = page(
        wire(sequenceId=12, id=34, wordCount=56, adultLanguage=True, duplicateGroupId=7)
    ).articles
    assert (article.article_id, article.source_order, article.word_count) == ("metabase:34", 12, 56)
    assert article.extra["adultLanguage"] == "true"


def test_unknown_fields_and_unreadable_values_are_kept_and_never_fail(page: Read, wire: Wire) -> None:
    unknown = {"readingLevel": "8", "footprint": {"grams": "12", "deep": {"er": "x"}}}
    [article] = page(wire(**unknown, wordCount="many", languageCode="??", dataFormat="smell")).articles
    assert article.extra.items() >= unknown.items()
    assert article.extra.items() >= {"wordCount": "many", "languageCode": "??", "dataFormat": "smell"}.items()
    assert (article.word_count, article.language, article.data_format) == (None, None, None)


@pytest.mark.parametrize(
    ("dates", "expected_hour"),
    [
        ({"publishedDate": "2026-02-28T10:00:00Z", "harvestDate": "2026-02-28T11:00:00Z"}, 10),
        ({"publishedDate": "soon", "estimatedPublishedDate": "2026-03-01T09:00:00Z"}, 9),
        (
            {"publishedDate": ..., "estimatedPublishedDate": "?", "harvestDate": "2026-03-01T08:00:00+00:00"},
            8,
        ),
        ({"publishedDate": "0001-01-01T00:00:00Z"}, 12),
        ({"publishedDate": "2026-02-30T10:00:00Z"}, 12),
    ],
)
def test_an_unreadable_date_of_publication_falls_back_to_the_next_best_date(
    page: Read, wire: Wire, dates: dict[str, Any], expected_hour: int
) -> None:
    [article] = page(wire(**dates)).articles
    assert article.published_at.hour == expected_hour
    assert article.published_at.tzinfo is not None


def test_an_unreadable_date_of_publication_is_kept_as_received(page: Read, wire: Wire) -> None:
    [article] = page(wire(publishedDate="soon")).articles
    assert article.extra["publishedDate"] == "soon"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("embargoDate", "embargo_unreadable"),
        ("licenseEndDate", "licence_end_unreadable"),
        ("contentLicenseEndDate", "licence_end_unreadable"),
    ],
)
@pytest.mark.parametrize("date", ["soon", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00Z", "20260301"])
def test_an_unreadable_date_of_an_obligation_quarantines_the_article(
    page: Read, wire: Wire, name: str, code: str, date: str
) -> None:
    found = page(wire(sequenceId="1", id="1"), wire(sequenceId="2", id="2", **{name: date}))
    [bad] = found.bad
    assert (bad.code, bad.detail, bad.index, bad.provider_id, bad.sequence) == (code, name, 1, "2", "2")
    assert len(found.articles) == 1


def test_the_earlier_end_of_two_licences_counts(page: Read, wire: Wire) -> None:
    ends = {"licenseEndDate": "2026-06-02T00:00:00Z", "contentLicenseEndDate": "2026-06-01T00:00:00Z"}
    [article] = page(wire(**ends)).articles
    assert article.licence_ends_at == datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id": ...}, "no_id"),
        ({"id": ""}, "no_id"),
        ({"id": "a b"}, "id_unreadable"),
        ({"id": "9" * 201}, "id_unreadable"),
        ({"sequenceId": ...}, "no_sequence"),
        ({"sequenceId": "12x"}, "sequence_unreadable"),
        ({"sequenceId": str(2**63)}, "sequence_unreadable"),
        ({"sequenceId": "-1"}, "sequence_unreadable"),
        ({"sequenceId": "\u0661\u0662"}, "sequence_unreadable"),
        ({"title": "t" * 20_001}, "invalid"),
        ({"content": "c" * 900_001}, "too_large"),
        ({"content": '"' * 450_000}, "too_large"),
    ],
)
def test_one_bad_article_affects_only_itself(
    page: Read, wire: Wire, changes: dict[str, Any], code: str
) -> None:
    found = page(wire(sequenceId="1"), wire(**{"sequenceId": "2"} | changes), wire(sequenceId="3"))
    assert [article.source_order for article in found.articles] == [1, 3]
    assert [(bad.index, bad.code) for bad in found.bad] == [(1, code)]
    assert (found.last_sequence, found.count) == ("3", 3)


def test_a_bad_article_at_the_end_still_moves_the_cursor(page: Read, wire: Wire) -> None:
    assert page(wire(sequenceId="1"), wire(sequenceId="2", id="a b")).last_sequence == "2"


def test_an_entry_without_a_sequence_does_not_remove_the_cursor(page: Read, wire: Wire) -> None:
    assert page(wire(sequenceId="1"), {}).last_sequence == "1"


def test_a_bare_article_is_quarantined_and_moves_nothing(page: Read) -> None:
    found = page({})
    assert ([bad.code for bad in found.bad], found.last_sequence, found.count) == (["empty"], None, 1)


def test_a_bad_article_keeps_its_bytes_and_its_error_contains_no_value(page: Read, wire: Wire) -> None:
    [bad] = page(wire(embargoDate="secret words", title="more secrets")).bad
    assert b"secret words" in bad.raw
    assert b"more secrets" in bad.raw
    assert "secret" not in bad.detail + bad.code


def test_a_company_is_read_once_per_listing(page: Read, wire: Wire) -> None:
    one, two = (
        {"name": "Acme", "symbol": "ACM", "exchange": "LSE"},
        {"name": "Acme", "symbol": "ACM", "exchange": "NYS"},
    )
    counts = {"titleCount": 0, "contentCount": 2, "primary": True}
    [article] = page(wire(companies=[one | counts, two, one | counts, {"symbol": "ZZ"}])).articles
    assert [(company.name, company.exchange) for company in article.companies] == [
        ("Acme", "LSE"),
        ("Acme", "NYS"),
    ]
    assert article.extra["companies"] == [
        {"titleCount": "0", "contentCount": "2", "primary": "true"},
        {},
        {"symbol": "ZZ"},
    ]


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ({"id": "", "name": "N", "homeUrl": "http://h.example", "feed": {"id": "77"}}, "feed:77"),
        ({"name": "N", "homeUrl": "http://h.example", "feed": {}}, "name:N"),
        ({"homeUrl": "http://h.example"}, "home:http://h.example"),
        ({"id": "9"}, "id:9"),
        ({}, "unknown"),
        ("no object", "unknown"),
    ],
)
def test_a_source_is_keyed_by_its_available_fields(page: Read, wire: Wire, source: Any, key: str) -> None:
    [article] = page(wire(source=source)).articles
    assert article.source.key == key


def test_places_may_lack_a_country_and_write_its_code_in_lower_case(page: Read, wire: Wire) -> None:
    places = [
        {"name": "North Sea", "latitude": "56.5", "longitude": "3.4"},
        {"name": "Piraeus", "country": {"isoCode": "gr", "name": "Greece"}, "latitude": "123"},
    ]
    [article] = page(wire(locations=places)).articles
    assert [(place.name, place.country_code, place.latitude) for place in article.places] == [
        ("North Sea", None, 56.5),
        ("Piraeus", "GR", None),
    ]


def test_scores_outside_the_usual_range_are_kept_unchanged(page: Read, wire: Wire) -> None:
    found = page(wire(sentiment={"score": "5.16"}), wire(sentiment={"score": "NaN"}))
    assert [article.sentiment for article in found.articles] == [5.16, None]


def test_an_entity_is_read_from_its_properties(page: Read, wire: Wire) -> None:
    named = [
        {"name": "type", "value": "Person"},
        {"name": "value", "value": "A. Bell"},
        {"name": "instances", "value": "2"},
    ]
    [article] = page(
        wire(semantics={"entities": [{"properties": named}, {"properties": named[:1]}]})
    ).articles
    assert [(entity.type, entity.value) for entity in article.entities] == [("Person", "A. Bell")]
    assert article.extra["semantics"] == {"entities": [{"properties": named[2:]}, {"properties": named[:1]}]}


def test_line_ends_byte_order_marks_and_control_characters_are_normalized(page: Read, wire: Wire) -> None:
    [article] = page(wire(content="\ufeffOne\r\ntwo\rthree \x80 5 \x85 \u03b1")).articles
    assert article.body == "One\ntwo\nthree \u20ac 5 \u2026 \u03b1"


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\ufffe"])
def test_characters_that_postgresql_cannot_store_are_removed(page: Read, wire: Wire, character: str) -> None:
    [article] = page(wire(content=f"a{character}b", footprint={"note": f"c{character}d"})).articles
    assert (article.body, article.extra["footprint"]) == ("ab", {"note": "cd"})


def test_media_without_a_list_element_are_lists_even_if_there_is_one(page: Read, wire: Wire) -> None:
    image = {"url": "http://i.example/1.jpg", "mimeType": "image/jpeg"}
    [article] = page(wire(media={"audio": [], "image": [image], "video": []})).articles
    assert article.extra["media"] == {"image": [image]}


def test_an_article_nested_too_deep_is_quarantined(page: Read, wire: Wire) -> None:
    deep: Any = "bottom"
    for _ in range(100):
        deep = {"a": deep}
    found = page(wire(sequenceId="1"), wire(sequenceId="2", deep=deep))
    assert ([bad.code for bad in found.bad], len(found.articles)) == (["too_deep"], 1)


DOUBLED = {
    "topics": (
        "<topics><topics><name>Art</name><group>Life</group></topics><topics><name>Law</name></topics></topics>",
        "<topics><topics><topic><name>Art</name><group>Life</group></topic><topic><name>Law</name></topic></topics></topics>",
        {"topics": {"topics": [{"name": "Art", "group": "Life"}, {"name": "Law"}]}},
        {"topics": [{"topics": {"name": "Art", "group": "Life"}}, {"topics": {"name": "Law"}}]},
        {"topics": {"topics": {"topic": [{"name": "Art", "group": "Life"}, {"name": "Law"}]}}},
        {"topics": [[{"name": "Art", "group": "Life"}, {"name": "Law"}]]},
    ),
    "tags": (
        "<tags><tags>Art</tags><tags>Law</tags></tags>",
        "<tags><tags><tag>Art</tag><tag>Law</tag></tags></tags>",
        {"tags": {"tags": ["Art", "Law"]}},
        {"tags": [{"tag": "Art"}, {"tag": "Law"}]},
        {"tags": {"tags": {"tag": ["Art", "Law"]}}},
    ),
    "companies": (
        "<companies><companies><name>Art</name></companies><companies><name>Law</name></companies></companies>",
        "<companies><companies><company><name>Art</name></company><company><name>Law</name></company></companies></companies>",
        {"companies": {"companies": [{"name": "Art"}, {"name": "Law"}]}},
        {"companies": [{"company": {"name": "Art"}}, {"company": {"name": "Law"}}]},
    ),
    "licences": (
        "<licenses><licenses><name>Art</name></licenses><licenses><name>Law</name></licenses></licenses>",
        {"licenses": {"license": {"licenses": [{"name": "Art"}, {"name": "Law"}]}}},
    ),
    "places": (
        "<locations><locations><name>Art</name></locations><locations><name>Law</name></locations></locations>",
        {"locations": {"locations": {"location": [{"name": "Art"}, {"name": "Law"}]}}},
    ),
}
ENTITIES = (
    (
        "<semantics><entities><entities><properties>"
        "<properties><name>type</name><value>City</value></properties>"
        "<properties><name>value</name><value>Rome</value></properties>"
        "</properties></entities></entities></semantics>"
    ),
    (
        "<semantics><entities><entities><entity><properties><properties>"
        "<property><name>type</name><value>City</value></property><property><name>value</name><value>Rome</value></property>"
        "</properties></properties></entity></entities></entities></semantics>"
    ),
    {
        "semantics": {
            "entities": {
                "entity": {
                    "properties": {
                        "property": [{"name": "type", "value": "City"}, {"name": "value", "value": "Rome"}]
                    }
                }
            }
        }
    },
)


def read_with(inner: str | dict[str, Any], wire: Wire) -> Page:
    """Parses an article with an inner list as written by a converter: XML, or JSON's fields."""
    if isinstance(inner, str):
        body = (
            "<response><status>SUCCESS</status><articles><article><sequenceId>1</sequenceId><id>2</id>"
            f"<title>T</title>{inner}</article></articles></response>"
        ).encode()
        return parse_articles(body, "application/xml", received_at=RECEIVED_AT)
    body = orjson.dumps({"status": "SUCCESS", "articles": [wire(**inner)]})
    return parse_articles(body, "application/json", received_at=RECEIVED_AT)


@pytest.mark.parametrize(
    ("field", "inner"), [(field, inner) for field, shapes in DOUBLED.items() for inner in shapes]
)
def test_inner_lists_doubled_by_a_converter_are_read(
    field: str, inner: str | dict[str, Any], wire: Wire
) -> None:
    found = read_with(inner, wire)
    members = getattr(found.articles[0], field)
    assert [member if isinstance(member, str) else member.name for member in members] == ["Art", "Law"]
    assert found.not_understood == {}
    assert not {"topics", "tags", "companies", "licenses", "locations"} & set(found.articles[0].extra)


@pytest.mark.parametrize("inner", ENTITIES)
def test_entities_doubled_by_a_converter_are_read(inner: str | dict[str, Any], wire: Wire) -> None:
    found = read_with(inner, wire)
    assert [(one.type, one.value) for one in found.articles[0].entities] == [("City", "Rome")]
    assert found.not_understood == {}


def test_an_unreadable_field_is_counted_once_per_article(page: Read, wire: Wire) -> None:
    found = page(
        wire(topics=[{"label": "Art"}, {"label": "Law"}], publishedDate="soon"),
        wire(id="5", topics=[{"name": "Art"}, {"label": "Law"}]),
        wire(id="6", semantics={"entities": [{"properties": [{"name": "x", "value": "y"}]}]}),
        wire(id="7", footprint="unknown to us", topics=[{"name": "Art", "label": "kept"}]),
    )
    assert found.not_understood == {"*": 3, "topics": 2, "publishedDate": 1, "entities": 1}
