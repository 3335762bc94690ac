"""Revocations on the provider's pages: every documented form, and nothing unreadable counts as "none"."""

from datetime import UTC, datetime

import orjson
import pytest

from ingester.gateways.providers.answers import Unreadable, UnreadableAnswer
from ingester.gateways.providers.metabase.codes import ProviderFailure
from ingester.gateways.providers.metabase.wire import parse_revoked

XML, JSON = "application/xml", "application/json"
MEMBERS = "<articles><article><id>5</id></article><article><id>6</id></article></articles>"


def xml(inner: str) -> bytes:
    return f"<response><status>SUCCESS</status><messageCode/>{inner}</response>".encode()


def json(**fields: object) -> bytes:
    return orjson.dumps({"status": "SUCCESS", **fields})


SHAPES = [
    (json(revokedArticles=[{"id": "5", "sequenceId": "8"}, {"id": "6", "sequenceId": "9"}]), JSON),
    (json(revokedArticles=[{"id": 5, "sequenceId": 8}, {"id": 6, "sequenceId": 9}]), JSON),
    (json(articles=[{"id": "5", "sequenceId": "8"}, {"id": "6", "sequenceId": "9"}]), JSON),
    (json(revokedArticles={"article": [{"id": "5"}, {"id": "6"}]}, sequenceId="9"), JSON),
    (json(revokedArticles=[{"id": "5"}, {"id": "6"}], nextSequenceId="9"), JSON),
    (orjson.dumps({"response": orjson.loads(json(articles=[{"id": "5"}, {"id": "6", "sequenceId": "9"}]))}), JSON),
    (
        xml("<revokedArticles><article><id>5</id></article><article><id>6</id><sequenceId>9</sequenceId></article></revokedArticles>"),
        XML,
    ),
    (xml(f"{MEMBERS}<sequenceId>9</sequenceId>"), XML),
    (xml(f"<nextCursor>9</nextCursor>{MEMBERS}"), XML),
    (json(revokedArticles=["5", "6"], sequenceId="9"), JSON),
    (json(revokedArticles=[5, 6], sequenceId="9"), JSON),
    (json(revokedArticles={"article": ["5", "6"]}, sequenceId="9"), JSON),
    (json(revokedArticles={"id": ["5", "6"]}, sequenceId="9"), JSON),
    (json(ids=["5", "6"], sequenceId="9"), JSON),
    (json(articles={"article": [{"id": "5"}, {"id": "6", "sequenceId": "9"}]}), JSON),
    (xml("<revokedArticles><article>5</article><article>6</article></revokedArticles><sequenceId>9</sequenceId>"), XML),
    (xml("<revokedArticles><id>5</id><id>6</id></revokedArticles><sequenceId>9</sequenceId>"), XML),
    (xml("<ids><id>5</id><id>6</id></ids><sequenceId>9</sequenceId>"), XML),
    (
        xml("<revokedArticles><revokedArticles><id>5</id></revokedArticles><revokedArticles><id>6</id><sequenceId>9</sequenceId></revokedArticles></revokedArticles>"),
        XML,
    ),
]  # fmt: skip
ONE = [
    (json(revokedArticles={"id": "5", "sequenceId": "9"}), JSON),
    (json(revokedArticles={"sequenceId": 9, "id": 5}), JSON),
    (json(revokedArticles={"article": {"id": "5", "sequenceId": "9"}}), JSON),
    (json(articles={"article": {"id": "5"}}, sequenceId="9"), JSON),
    (json(revokedArticles={"id": "5"}, sequenceId="9"), JSON),
    (json(revokedArticles={"article": "5"}, sequenceId="9"), JSON),
    (json(ids=["5"], sequenceId="9"), JSON),
    (json(ids={"id": 5}, sequenceId="9"), JSON),
    (xml("<revokedArticles><id>5</id><sequenceId>9</sequenceId></revokedArticles>"), XML),
    (xml("<revokedArticles><id>5</id></revokedArticles><sequenceId>9</sequenceId>"), XML),
]


@pytest.mark.parametrize(("body", "media"), SHAPES)
def test_ids_and_cursor_are_read_from_every_shape(body: bytes, media: str) -> None:
    found = parse_revoked(body, media)
    assert [revoked.provider_article_id for revoked in found.ids] == ["5", "6"]
    assert (found.next_cursor, found.count, found.bad) == ("9", 2, ())


@pytest.mark.parametrize(("body", "media"), ONE)
def test_a_page_with_exactly_one_revocation_is_read_in_every_shape(body: bytes, media: str) -> None:
    found = parse_revoked(body, media)
    assert [revoked.provider_article_id for revoked in found.ids] == ["5"]
    assert (found.next_cursor, found.count, found.bad) == ("9", 1, ())


def test_a_bare_id_is_a_number_and_any_other_text_is_quarantined() -> None:
    found = parse_revoked(json(revokedArticles=["5", "none", "6"]), JSON)
    assert [revoked.provider_article_id for revoked in found.ids] == ["5", "6"]
    assert [(bad.index, bad.code) for bad in found.bad] == [(1, "id_unreadable")]


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (json(revokedArticles=[]), JSON),
        (xml("<revokedArticles/>"), XML),
        (xml("<articles> </articles>"), XML),
    ],
)
def test_an_empty_list_is_valid_and_moves_nothing(body: bytes, media: str) -> None:
    found = parse_revoked(body, media)
    assert (found.ids, found.next_cursor, found.count) == ((), None, 0)


@pytest.mark.parametrize(
    ("body", "media", "reason"),
    [
        (json(), JSON, Unreadable.NO_LIST),
        (json(revoked=[{"id": "5"}]), JSON, Unreadable.NO_LIST),
        (json(revokedArticles=None), JSON, Unreadable.NOT_A_LIST),
        (json(revokedArticles=""), JSON, Unreadable.NOT_A_LIST),
        (json(revokedArticles="5, 6"), JSON, Unreadable.NOT_A_LIST),
        (json(revokedArticles={}), JSON, Unreadable.NOT_A_LIST),
        (json(revokedArticles=0), JSON, Unreadable.NOT_A_LIST),
        (json(revokedArticles=["none"]), JSON, Unreadable.NO_IDS),
        (json(revokedArticles={"sequenceId": ["5", "6"]}), JSON, Unreadable.NO_IDS),
        (json(revokedArticles={"total": "5"}), JSON, Unreadable.NOT_A_LIST),
        (json(revokedArticles={"article": {}}), JSON, Unreadable.NOT_A_LIST),
        (json(revokedArticles=[True, False]), JSON, Unreadable.NO_IDS),
        (json(ids="5"), JSON, Unreadable.NOT_A_LIST),
        (json(revokedArticles=[{"articleId": "5"}]), JSON, Unreadable.NO_IDS),
        (json(revokedArticles=[[]]), JSON, Unreadable.NO_IDS),
        (xml(""), XML, Unreadable.NO_LIST),
        (xml("<revokedArticles>none</revokedArticles>"), XML, Unreadable.NOT_A_LIST),
        (xml("<revokedArticles><article/></revokedArticles>"), XML, Unreadable.NO_IDS),
        (xml("<revokedArticles><sequenceId>5</sequenceId></revokedArticles>"), XML, Unreadable.NO_IDS),
        (
            xml("<revokedArticles><id>5</id><sequenceId>8</sequenceId><id>6</id></revokedArticles>"),
            XML,
            Unreadable.NOT_A_LIST,
        ),
        (b'{"revokedArticles":[]}', JSON, Unreadable.NO_STATUS),
        (b'{"status":"OK","revokedArticles":[]}', JSON, Unreadable.NO_STATUS),
        (b"[]", JSON, Unreadable.NOT_AN_ANSWER),
    ],
)
def test_an_unexpected_body_is_an_error_and_never_an_empty_result(
    body: bytes, media: str, reason: Unreadable
) -> None:
    with pytest.raises(UnreadableAnswer) as caught:
        parse_revoked(body, media)
    assert caught.value.reason == reason


def test_a_failure_is_an_error_even_with_an_empty_list() -> None:
    with pytest.raises(ProviderFailure):
        parse_revoked(orjson.dumps({"status": "FAILURE", "messageCode": "9999", "revokedArticles": []}), JSON)


def test_one_entry_without_an_id_is_quarantined_and_the_others_count() -> None:
    found = parse_revoked(json(revokedArticles=[{"id": "5"}, {"sequenceId": "7"}, {"id": "a b"}, "x"]), JSON)
    assert [revoked.provider_article_id for revoked in found.ids] == ["5"]
    assert [(bad.index, bad.code) for bad in found.bad] == [
        (1, "no_id"),
        (2, "id_unreadable"),
        (3, "not_an_object"),
    ]
    assert (found.next_cursor, found.count) == ("7", 4)


def test_a_cursor_is_opaque_text() -> None:
    found = parse_revoked(
        json(revokedArticles=[{"id": "5", "sequenceId": "00000000"}], cursor="2024:444444444=="), JSON
    )
    assert found.next_cursor == "2024:444444444=="
    assert found.ids[0].sequence == "00000000"


def test_the_providers_time_is_used_if_it_is_readable() -> None:
    entries = [
        {"id": "5", "revokedDate": "2026-02-01T03:04:05Z"},
        {"id": "6", "revokedDate": "soon"},
        {"id": "7"},
    ]
    found = parse_revoked(json(revokedArticles=entries), JSON)
    assert [revoked.revoked_at for revoked in found.ids] == [
        datetime(2026, 2, 1, 3, 4, 5, tzinfo=UTC),
        None,
        None,
    ]


def test_repeats_are_all_reported() -> None:
    found = parse_revoked(json(revokedArticles=[{"id": "5"}, {"id": "5"}]), JSON)
    assert len(found.ids) == 2
