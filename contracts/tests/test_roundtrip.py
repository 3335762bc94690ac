"""Any event that a schema accepts can be read, and survives a JSON round trip."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clawback_contracts import cloudevents
from clawback_contracts.envelope import Event
from clawback_contracts.registry import EVENTS

Values = st.SearchStrategy[Any]
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=OFFSETS).map(datetime.isoformat)  # noqa: DTZ001  # with an offset drawn


def admitted(schema: dict[str, Any], parts: dict[str, Any]) -> Values:
    """Return values that a schema accepts, for the parts of JSON Schema that our models use."""
    match schema:
        case {"$ref": ref}:
            values = admitted(parts[ref.removeprefix("#/$defs/")], parts)
        case {"anyOf": options}:
            values = st.one_of([admitted(option, parts) for option in options])
        case {"enum": members}:
            values = st.sampled_from(members)
        case {"type": "object", "properties": _}:
            values = objects(schema, parts)
        case {"type": "object", "additionalProperties": inner}:
            values = st.dictionaries(TEXT, admitted(inner, parts), max_size=3)
        case {"type": "array", "items": items}:
            least, most = schema.get("minItems", 0), min(schema.get("maxItems", 3), 3)
            values = st.lists(admitted(items, parts), min_size=least, max_size=most)
        case _:
            values = scalars(schema)
    return values


def scalars(schema: dict[str, Any]) -> Values:
    low, high = schema.get("minimum"), schema.get("maximum")
    match schema.get("type"):
        case "string":
            return strings(schema)
        case "integer":
            return st.integers(low, high)
        case "number":
            return st.floats(low, high, allow_nan=False, allow_infinity=False)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case _:
            assert not set(schema) - {"title", "description"}, schema
            return ANYTHING


def strings(schema: dict[str, Any]) -> Values:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].removesuffix("$").removeprefix("^"), fullmatch=True)
    formats: dict[str | None, Values] = {"uuid": st.uuids().map(str), "date-time": INSTANTS}
    length = {"min_size": schema.get("minLength", 0), "max_size": min(schema.get("maxLength", 30), 30)}
    return formats.get(schema.get("format"), st.text(st.characters(codec="utf-8"), **length))


def objects(schema: dict[str, Any], parts: dict[str, Any]) -> Values:
    fields = {name: admitted(field, parts) for name, field in schema["properties"].items()}
    required = {name: field for name, field in fields.items() if name in schema.get("required", ())}
    optional = {name: field for name, field in fields.items() if name not in required}
    unknown = st.dictionaries(TEXT.map(lambda it: f"x-{it}"), ANYTHING, max_size=2)
    known = st.fixed_dictionaries(required, optional=optional)
    return st.builds(lambda extra, fields: {**extra, **fields}, unknown, known)


MESSAGES = {
    kind: admitted(event.model_json_schema(), event.model_json_schema().get("$defs", {}))
    for kind, event in EVENTS.items()
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_event_survives_json_and_later_fields_are_ignored(
    event: type[Event], data: st.DataObject
) -> None:
    value = data.draw(MESSAGES[event.TYPE])
    headers = [("ce_type", event.TYPE.encode())]
    topic = event.TOPIC.format(group="ingester")
    read = cloudevents.read(topic, headers, json.dumps(value).encode())
    written = read.model_dump_json().encode()
    assert cloudevents.read(topic, headers, written) == read
    assert set(json.loads(written)) == set(event.model_fields)


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=st.binary(max_size=50) | ANYTHING.map(lambda it: json.dumps(it).encode()))
def test_any_input_is_an_event_or_unreadable(event: type[Event], value: bytes) -> None:
    headers = [("ce_type", event.TYPE.encode())]
    with pytest.raises(cloudevents.Unreadable):
        cloudevents.read(event.TOPIC.format(group="ingester"), headers, value)
