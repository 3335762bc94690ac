"""The envelope, as written by the producer, and invalid ones."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError

from clawback_contracts import cloudevents
from clawback_contracts.article.v1 import ArticlePublished, ArticleSubmitted
from clawback_contracts.cloudevents import Unreadable
from clawback_contracts.deadletter.v1 import DeadLetter
from clawback_contracts.envelope import ArticleId, Instant, event_id, major
from clawback_contracts.holder.answers import receipt
from clawback_contracts.revocation.v1 import ArticleReinstated, ArticleRevoked, Outcome
from clawback_testing import examples

NOW = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
REVOKED = examples.load(ArticleRevoked)["full"]
TYPE = ("ce_type", ArticleRevoked.TYPE.encode())


@pytest.mark.parametrize(
    ("ce_type", "split"),
    [
        ("clawback.revocation.revoked.v1", ("clawback.revocation.revoked", 1)),
        ("clawback.revocation.revoked.v12", ("clawback.revocation.revoked", 12)),
        ("a.v1.v2", ("a.v1", 2)),
        ("clawback.revocation.revoked", None),
        ("clawback.revocation.revoked.v", None),
        ("clawback.revocation.revoked.v0", None),
        ("clawback.revocation.revoked.v01", None),
        ("clawback.revocation.revoked.v-1", None),
        ("clawback.revocation.revoked.v1.0", None),
        ("clawback.revocation.revoked.v²", None),
        ("clawback.revocation.revoked.v\u0661", None),
        ("clawback.revocation.revoked.v1\n", None),
        ("clawback.revocation.revoked.v" + "9" * 5000, None),
        (".v1", None),
        ("", None),
    ],
)
def test_a_type_is_split_into_its_name_and_major_version(ce_type: str, split: tuple[str, int] | None) -> None:
    assert major(ce_type) == split


@pytest.mark.parametrize(
    ("topic", "headers", "value", "reason"),
    [
        ("revocations.v1", [], REVOKED["value"], "header_missing"),
        ("revocations.v1", [("ce_type", None)], REVOKED["value"], "header_missing"),
        ("revocations.v1", [("ce_type", b"\xff\xfe")], REVOKED["value"], "header_missing"),
        ("revocations.v1", [("ce_type", b"revoked")], REVOKED["value"], "type_unknown"),
        ("revocations.v1", [("ce_type", b"x.v" + b"9" * 5000)], REVOKED["value"], "type_unknown"),
        ("revocations.v1", [("ce_type", b"clawback.else.v1")], REVOKED["value"], "type_unknown"),
        ("revocations.v1", [("ce_type", TYPE[1][:-1] + b"2")], REVOKED["value"], "version_unknown"),
        ("articles.v1", [TYPE], REVOKED["value"], "wrong_topic"),
        ("revocations.v1", [TYPE], None, "null_value"),
        ("revocations.v1", [TYPE], b"", "value_invalid"),
        ("revocations.v1", [TYPE], b"<html>", "value_invalid"),
        ("revocations.v1", [TYPE], b"\xff", "value_invalid"),
        ("revocations.v1", [TYPE], b"[]", "value_invalid"),
        ("revocations.v1", [TYPE], b"null", "value_invalid"),
        ("revocations.v1", [TYPE], b"{}", "value_invalid"),
        ("revocations.v1", [TYPE], b"[" * 100_000, "value_invalid"),
    ],
)
def test_garbage_is_unreadable_for_a_reason(
    topic: str, headers: list[tuple[str, bytes | None]], value: bytes | None, reason: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        cloudevents.read(topic, headers, value)
    assert caught.value.reason == reason
    assert str(caught.value).startswith(f"{reason}: ")


def test_an_event_is_read_on_the_topic_of_one_writer_as_on_the_shared_one() -> None:
    submitted = examples.load(ArticleSubmitted)["full"]
    headers = [("ce_type", ArticleSubmitted.TYPE.encode())]
    for topic in ("article-submissions.v1", "article-submissions.acme.v1"):
        assert isinstance(cloudevents.read(topic, headers, submitted["value"]), ArticleSubmitted)
    with pytest.raises(Unreadable, match="wrong_topic"):
        cloudevents.read("revocations.acme.v1", [TYPE], REVOKED["value"])


def test_an_unreadable_body_is_described_by_its_fields_without_values() -> None:
    body = b'{"title": 7, "body": {"secret": "the council voted"}, "source": {"key": ""}}'
    with pytest.raises(Unreadable) as caught:
        cloudevents.read("articles.v1", [("ce_type", ArticlePublished.TYPE.encode())], body)
    assert "title: string_type" in caught.value.detail
    assert "article_id: missing" in caught.value.detail
    assert "council" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_invalid_other_headers_do_not_hide_the_type() -> None:
    headers = [("ce_id", b"\xff"), ("other", None), TYPE]
    assert isinstance(cloudevents.read("revocations.v1", headers, REVOKED["value"]), ArticleRevoked)


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (None, {}),
        ([("a", b"1"), ("b", "ü".encode())], {"a": "1", "b": "ü"}),
        ([("a", None), ("b", b"\xff"), ("c", b"")], {"c": ""}),
        ([("a", b"1"), ("a", b"2")], {"a": "2"}),
        ([("a", b"1"), ("a", None)], {}),
        ([("a", b"1"), ("a", b"\xff")], {}),
        ([("a", b"\xff"), ("a", b"2")], {"a": "2"}),
    ],
)
def test_invalid_text_counts_as_missing_and_the_last_of_several_counts(
    raw: list[tuple[str, bytes | None]] | None, read: dict[str, str]
) -> None:
    assert cloudevents.attributes(raw) == read
    assert cloudevents.attribute(raw or [], "a") == read.get("a")


def test_only_the_wanted_headers_are_read() -> None:
    assert cloudevents.attributes([("a", b"1"), ("b", b"2")], only={"b", "c"}) == {"b": "2"}


def test_a_dead_letter_is_read_from_any_groups_topic() -> None:
    letter = examples.load(DeadLetter)["full"]
    for topic in ("ingester.dlq.v1", "compliance.dlq.v1"):
        assert isinstance(cloudevents.read(topic, letter["headers"], letter["value"]), DeadLetter)


def test_an_event_is_written_as_the_record_that_is_read() -> None:
    order = ArticleRevoked.model_validate_json(REVOKED["value"])
    record = cloudevents.write(order, event_id("test"), "compliance", NOW)
    assert (record["topic"], record["key"]) == ("revocations.v1", b"metabase:52999982277")
    assert cloudevents.read(record["topic"], record["headers"], record["value"]) == order
    assert cloudevents.attribute(record["headers"], "ce_subject") == "metabase:52999982277"
    assert cloudevents.attribute(record["headers"], "traceparent") is None


def test_an_answer_joins_the_trace_of_what_it_answers() -> None:
    order = ArticleRevoked.model_validate_json(REVOKED["value"])
    record = cloudevents.write(order, event_id("test"), "search", NOW, cause=REVOKED["headers"])
    assert cloudevents.attribute(record["headers"], "traceparent") == cloudevents.attribute(
        REVOKED["headers"], "traceparent"
    )


def test_a_repeated_answer_is_the_same_receipt_and_another_attempt_another() -> None:
    order = ArticleRevoked.model_validate_json(REVOKED["value"])
    first = receipt(order, "search", {"content": Outcome.REMOVED}, at=NOW)
    again = receipt(order, "search", {"content": Outcome.ALREADY_REMOVED}, at=NOW + timedelta(minutes=1))
    assert first.receipt_id == again.receipt_id
    others = {
        receipt(order.model_copy(update={"attempt": 2}), "search", {"content": Outcome.REMOVED}, at=NOW),
        receipt(order.model_copy(update={"order": 2}), "search", {"content": Outcome.REMOVED}, at=NOW),
        receipt(order, "site", {"content": Outcome.REMOVED}, at=NOW),
    }
    assert first.receipt_id not in {other.receipt_id for other in others}
    assert len(others) == 3


def test_a_reinstatement_is_answered_for_every_kind_of_copy() -> None:
    order = ArticleReinstated.model_validate_json(examples.load(ArticleReinstated)["minimal"]["value"])
    answered = receipt(order, "search", {"content": Outcome.REINSTATED, "index": Outcome.REINSTATED}, at=NOW)
    assert [(it.copy_kind, it.outcome) for it in answered.removals] == [
        ("content", Outcome.REINSTATED),
        ("index", Outcome.REINSTATED),
    ]
    assert (answered.order, answered.article_id) == (order.order, order.article_id)


def test_the_same_cause_gives_the_same_id_and_its_parts_stay_separate() -> None:
    assert event_id("a", 1) == event_id("a", "1") == UUID("fec4a5ea-c648-547d-8997-cce98123c4ec")
    assert event_id("ab", "c") != event_id("a", "bc")


@pytest.mark.parametrize(
    ("article_id", "legal"),
    [
        ("metabase:52999982276", True),
        ("a:1", True),
        ("a" * 32 + ":" + "x" * 200, True),
        ("a" * 33 + ":x", False),
        ("a:" + "x" * 201, False),
        ("Metabase:1", False),
        ("metabase:", False),
        (":1", False),
        ("metabase", False),
        ("metabase:1\n", False),
        ("metabase:a b", False),
        ("metabase:a/../b", False),
        ("metabase:é", False),
        ("a:b:c", False),
    ],
)
def test_an_article_id_is_bound_to_its_provider_and_to_a_length(article_id: str, *, legal: bool) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(ArticleId)
    if legal:
        assert adapter.validate_python(article_id) == article_id
    else:
        with pytest.raises(ValidationError):
            adapter.validate_python(article_id)


def test_an_instant_is_kept_in_utc_and_one_outside_the_calendar_is_refused() -> None:
    adapter: TypeAdapter[datetime] = TypeAdapter(Instant)
    assert adapter.validate_json('"2026-03-02T23:15:00+14:00"').isoformat() == "2026-03-02T09:15:00+00:00"
    for wrong in ("2026-03-02T09:15:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "soon"):
        with pytest.raises(ValidationError):
            adapter.validate_json(f'"{wrong}"')


@pytest.mark.parametrize("field", ["version", "after_order", "source_order"])
def test_numbers_that_no_store_can_represent_are_refused(field: str) -> None:
    full = ArticlePublished.model_validate_json(examples.load(ArticlePublished)["full"]["value"])
    for number in (2**63, -(2**63) - 1, 10**30):
        with pytest.raises(ValidationError):
            ArticlePublished.model_validate({**full.model_dump(), field: number})


@pytest.mark.parametrize("number", ["1e999", "-1e999", "Infinity", "NaN"])
@pytest.mark.parametrize("extra", ['{{"canary": {}}}', '{{"canary": [{{"b": ["canary", {}]}}]}}'])
def test_a_number_beyond_json_is_refused_at_any_depth(extra: str, number: str) -> None:
    full = ArticlePublished.model_validate_json(examples.load(ArticlePublished)["full"]["value"])
    fields = full.model_dump_json(exclude={"extra"}).removesuffix("}")
    value = f'{fields}, "extra": {extra.format(number)}}}'.encode()
    with pytest.raises(Unreadable) as refused:
        cloudevents.read(ArticlePublished.TOPIC, [("ce_type", ArticlePublished.TYPE.encode())], value)
    assert str(refused.value) == "value_invalid: extra: value_error"
