"""The example messages: complete, without orphans, and unambiguous."""

import json
from datetime import datetime
from uuid import UUID

import jsonschema
import pytest

from clawback_contracts import cloudevents
from clawback_contracts.article.v1 import ArticlePublished, ArticleSubmitted
from clawback_contracts.envelope import Event
from clawback_contracts.holder.answers import receipt_id
from clawback_contracts.registry import BODIES, EVENTS
from clawback_contracts.revocation.v1 import (
    ArticleReinstated,
    ArticleRemoved,
    ArticleRevoked,
    ArticleWithheld,
    RevocationNoticed,
)
from clawback_testing import examples
from contracts.generator import files, schemas

CASES = [
    pytest.param(event, message, id=f"{schemas.short_name(event)}/{name}")
    for event in EVENTS.values()
    for name, message in sorted(examples.load(event).items())
]
each_example = pytest.mark.parametrize(("event", "message"), CASES)


def schema_named(name: str) -> jsonschema.Draft202012Validator:
    text = (files.CONTRACTS / "schemas" / f"{name}.json").read_text()
    return jsonschema.Draft202012Validator(
        json.loads(text), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def test_no_example_and_no_schema_is_an_orphan() -> None:
    folders = {file.parent for file in examples.FOLDER.rglob("*.json")}
    assert {f"{folder.parent.name}.{folder.name}" for folder in folders} == set(schemas.models())
    committed = {file.name for file in (files.CONTRACTS / "schemas").iterdir()}
    assert committed == {f"{name}.json" for name in schemas.models()}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_every_event_has_a_minimal_a_full_and_an_odd_example(event: type[Event]) -> None:
    named = set(examples.load(event))
    assert {"minimal", "full"} < named


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_the_minimal_example_has_what_is_required_and_no_more(event: type[Event]) -> None:
    required = {name for name, field in event.model_fields.items() if field.is_required()}
    assert set(json.loads(examples.load(event)["minimal"]["value"])) == required


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_the_full_example_is_exactly_what_the_producer_writes(event: type[Event]) -> None:
    value = examples.load(event)["full"]["value"]
    assert json.loads(event.model_validate_json(value).model_dump_json()) == json.loads(value)
    assert set(json.loads(value)) == set(event.model_fields)


@each_example
def test_every_example_fits_the_committed_schema(event: type[Event], message: cloudevents.Message) -> None:
    schema_named(schemas.short_name(event)).validate(json.loads(message["value"]))


@each_example
def test_every_example_is_read_and_survives_a_round_trip(
    event: type[Event], message: cloudevents.Message
) -> None:
    topic = message["topic"].format(group="ingester")
    read = cloudevents.read(topic, message["headers"], message["value"])
    assert type(read) is event
    assert event.model_validate_json(read.model_dump_json()) == read
    assert message["key"] == read.key.encode()


@each_example
def test_the_headers_of_every_example_agree_with_its_value(
    event: type[Event], message: cloudevents.Message
) -> None:
    attribute = dict(message["headers"])
    assert attribute["ce_type"] == event.TYPE.encode()
    assert attribute["ce_subject"] == message["key"]
    read = event.model_validate_json(message["value"])
    source, time = attribute["ce_source"].decode(), datetime.fromisoformat(attribute["ce_time"].decode())
    written = cloudevents.write(read, UUID(attribute["ce_id"].decode()), source, time, message["headers"])
    assert {**dict(written["headers"]), "ce_time": attribute["ce_time"]}.items() <= attribute.items()


@pytest.mark.parametrize("name", BODIES)
def test_the_examples_of_a_body_fit_its_schema_and_survive_a_round_trip(name: str) -> None:
    found = examples.bodies(name)
    assert {"minimal", "full"} <= set(found)
    for body in found.values():
        schema_named(name).validate(json.loads(body))
        read = BODIES[name].model_validate_json(body)
        assert json.loads(read.model_dump_json(exclude_none=True)) == json.loads(body)


IDENTITIES: dict[type[Event], tuple[str, ...]] = {
    ArticleSubmitted: ("article_id",),
    ArticlePublished: ("article_id", "version"),
    RevocationNoticed: ("notice_id",),
    ArticleRevoked: ("revocation_id",),
    ArticleWithheld: ("revocation_id",),
    ArticleReinstated: ("article_id", "order"),
    ArticleRemoved: ("receipt_id",),
}


@pytest.mark.parametrize("event", IDENTITIES, ids=lambda event: event.TYPE)
def test_every_example_is_about_another_subject(event: type[Event]) -> None:
    read = [event.model_validate_json(message["value"]) for message in examples.load(event).values()]
    found = [tuple(getattr(one, field) for field in IDENTITIES[event]) for one in read]
    assert sorted(found) == sorted(set(found))


def test_no_two_examples_have_the_same_event_id() -> None:
    found = [
        dict(message["headers"])["ce_id"]
        for event in EVENTS.values()
        for message in examples.load(event).values()
    ]
    assert sorted(found) == sorted(set(found))


@pytest.mark.parametrize("name", examples.load(ArticleRemoved))
def test_the_receipts_of_the_examples_have_the_ids_of_the_recipe(name: str) -> None:
    one = ArticleRemoved.model_validate_json(examples.load(ArticleRemoved)[name]["value"])
    assert one.receipt_id == receipt_id(one.article_id, one.order, one.holder, one.attempt)
