"""Arbitrary records on every topic that a service reads: each is handled or quarantined, and none stops its lane."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import asyncpg
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from clawback_common.testing.broker import Broker, Raw
from clawback_contracts import examples
from clawback_contracts.registry import EVENTS
from clawback_contracts.topics import load_topics
from clawback_local import Stack
from clawback_story.world import OWN_SERVERS
from tests.fuzz.conftest import SERVICES

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

EXAMPLES = 40
RECORDS_MAX = 40
PASSED_S_MAX = 10.0
"""A batch with its retries takes seconds on a busy machine; a lane that is stopped never passes."""
PARTITIONS = 3
READ = {
    name: topic
    for name, topic in load_topics().items()
    if set(topic.readers) & set(SERVICES) and not topic.per_writer
}
GOLDEN = {
    name: [
        Raw(one["value"], one["key"], one["headers"])
        for type_ in topic.events
        for one in examples.load(EVENTS[type_]).values()
    ]
    for name, topic in READ.items()
}

_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
_NAMES = st.one_of(
    _TEXT, st.sampled_from(["ce_id", "ce_type", "traceparent", "clawback-signature", "\x00", "x"])
)
_VALUES = st.one_of(
    st.none(),
    st.binary(max_size=60),
    _TEXT.map(str.encode),
    st.sampled_from(
        [b"", b"\x00", b"00-\x00", b"\xff\xfe", b"x" * 3_000, b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-00"]
    ),
)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False), _TEXT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)


class Sent(NamedTuple):
    """A record, and the topic that it is for."""

    topic: str
    raw: Raw


@st.composite
def records(draw: st.DrawFn) -> Sent:
    """A golden message, as it is or spoilt in its headers, key or value; or nothing but bytes."""
    topic = draw(st.sampled_from(sorted(READ)))
    raw = draw(st.sampled_from(GOLDEN[topic]))
    value, key, headers = raw.value, raw.key, dict(raw.headers)
    for _ in range(draw(st.integers(0, 3))):
        match draw(st.integers(0, 5)):
            case 0:
                headers[draw(_NAMES)] = draw(_VALUES)
            case 1:
                headers.pop(draw(st.sampled_from(sorted(headers) or ["ce_id"])), None)
            case 2:
                key = draw(st.none() | st.binary(max_size=40) | _TEXT.map(str.encode))
            case 3:
                value = draw(st.none() | st.binary(max_size=200) | _JSON.map(_dumped))
            case 4:
                value = _with_field(value, draw(_TEXT), draw(_JSON))
            case _:
                value = None if value is None else draw(st.sampled_from(_ENCODED))(value)
    if value is None and key is None:
        key = b""  # the client sends no record without both
    return Sent(topic, Raw(value, key, list(headers.items()), draw(st.integers(0, PARTITIONS - 1))))


def _dumped(found: object) -> bytes:
    return orjson.dumps(found, option=orjson.OPT_NON_STR_KEYS) if _fits(found) else repr(found).encode()


def _fits(found: object) -> bool:
    try:
        orjson.dumps(found)
    except (TypeError, orjson.JSONEncodeError):
        return False
    return True


def _with_field(value: bytes | None, name: str, found: object) -> bytes | None:
    """The body with one field that is another, mostly one that it has."""
    try:
        body = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return value
    if not isinstance(body, dict) or not body:
        return value
    known = sorted(body)
    body[known[len(name) % len(known)] if len(name) % 4 else name] = found
    return _dumped(body)


_ENCODED: list[Any] = [
    lambda value: value.decode(errors="replace").encode("utf-16"),
    lambda value: value[: len(value) // 2],
    lambda value: value + b" " * 300_000,
    lambda value: value.replace(b'"', b'"\\u0000', 3),
]


@pytest.fixture(scope="module")
def workers() -> Iterator[Stack]:
    """The five workers, on servers of their own: a log that others have emptied has gaps."""
    with pytest.MonkeyPatch.context() as patch:
        for name in OWN_SERVERS:
            patch.delenv(name, raising=False)
        with Stack(parts=("topics", *(f"{name}-worker" for name in SERVICES))) as stack:
            yield stack


async def _waiting(broker: Broker, sent: dict[tuple[str, int], int]) -> set[tuple[str, str, int]]:
    """Service, topic and partition of what a service that reads it has not passed yet."""
    waiting = {(name, *place) for place in sent for name in SERVICES if name in READ[place[0]].readers}
    async with broker.admin() as admin:
        for group, _ in await admin.list_consumer_groups():
            for place, at in (await admin.list_consumer_group_offsets(group)).items():
                if at.offset > sent.get((place.topic, place.partition), at.offset):
                    waiting.discard((group.partition(".")[0], place.topic, place.partition))
    return waiting


async def _passed(broker: Broker, sent: dict[tuple[str, int], int]) -> set[tuple[str, str, int]]:
    """What was not passed in time."""
    end = time.monotonic() + PASSED_S_MAX
    while (waiting := await _waiting(broker, sent)) and time.monotonic() < end:  # noqa: ASYNC110 - a process's state
        await asyncio.sleep(0.2)
    return waiting


async def _rows(stack: Stack, service: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(stack.env[f"{service.upper()}_DATABASE_URL"])
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


async def _play(stack: Stack, batch: list[Sent]) -> None:
    broker = Broker(stack.env["KAFKA_BOOTSTRAP_SERVERS"])
    last: dict[tuple[str, int], int] = {}
    null: set[tuple[str, int, int]] = set()
    for topic in {one.topic for one in batch}:
        good = [GOLDEN[topic][0].but(partition=number) for number in range(PARTITIONS)]
        raws = [one.raw for one in batch if one.topic == topic]
        places = await broker.send(topic, [*raws, *good])
        last |= {(topic, partition): offset for partition, offset in sorted(places)}
        null |= {(topic, *place) for raw, place in zip(raws, places, strict=False) if raw.value is None}
    assert await _passed(broker, last) == set()
    seen: set[tuple[str, int, int]] = set()
    for service in SERVICES:
        assert await _rows(stack, service, "SELECT * FROM stalled_lane") == []
        query = "SELECT topic, partition, kafka_offset FROM quarantine"
        seen |= {tuple(row) for row in await _rows(stack, service, query)}
    assert null - seen == set(), "a record without a value was neither handled nor quarantined"


def test_any_records_are_handled_or_quarantined_and_stop_no_lane(workers: Stack, scale: int) -> None:
    @settings(
        max_examples=EXAMPLES * scale,
        deadline=None,
        database=None,
        derandomize=scale == 1,
        phases=(Phase.generate,),  # records that were sent cannot be taken back to send fewer
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(records(), min_size=RECORDS_MAX // 2, max_size=RECORDS_MAX))
    def play(batch: list[Sent]) -> None:
        asyncio.run(_play(workers, batch))

    play()
