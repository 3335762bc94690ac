"""The golden messages: none is missing, none is an orphan, and each means the same to everyone."""

import json
from datetime import datetime
from uuid import UUID

import jsonschema
import pytest

from clawback_contracts import cloudevents, examples, generate
from clawback_contracts.envelope import Event
from clawback_contracts.registry import EVENTS

CASES = [
    pytest.param(event, message, id=f"{generate.short_name(event)}/{name}")
    for event in EVENTS.values()
    for name, message in sorted(examples.load(event).items())
]
each_example = pytest.mark.parametrize(("event", "message"), CASES)


def schema_of(event: type[Event]) -> jsonschema.Draft202012Validator:
    text = (generate.CONTRACTS / "schemas" / f"{generate.short_name(event)}.json").read_text()
    return jsonschema.Draft202012Validator(
        json.loads(text), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def test_no_example_and_no_schema_is_an_orphan() -> None:
    folders = {file.parent for file in examples.FOLDER.rglob("*.json")}
    assert folders == {examples.folder(event) for event in EVENTS.values()}
    schemas = {file.name for file in (generate.CONTRACTS / "schemas").iterdir()}
    assert schemas == {f"{generate.short_name(event)}.json" for event in EVENTS.values()}


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
    schema_of(event).validate(json.loads(message["value"]))


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
