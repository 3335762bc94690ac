"""No record stops its lane, and no fault of the service is blamed on a record."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from clawback_common.errors import Poison, Transient
from clawback_common.kafka import handling, offsets, subscriber
from clawback_common.kafka.bus import Bus
from clawback_common.kafka.catchup import CatchUp
from clawback_common.kafka.envelope import Batch, Message
from clawback_common.kafka.subscription import BusContext, Subscription
from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Database, Transaction
from clawback_common.postgres.pool import Row
from clawback_common.retry import Retry
from clawback_common.service.priority import SLICE
from clawback_common.service.process import ShutdownEvent
from clawback_contracts.alert.v1 import AlertRaised, AlertResolved
from clawback_contracts.envelope import Event, event_id
from clawback_testing.broker import Broker, Raw
from clawback_testing.subscribers import AT, Ping, Recorder, consuming, fails_at, ping
from clawback_testing.waiting import until

pytestmark = pytest.mark.integration

PROMPT_S = 5.0
"""The time within which the other records must be handled."""


@pytest.fixture(autouse=True)
def _short_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed batch is redelivered within the test's timeout."""
    monkeypatch.setattr(subscriber, "BACK_OFF_S_MAX", 0.1)
    monkeypatch.setattr(handling, "IN_PROCESS", Retry(attempts=10, first_delay_ms=5, delay_ms_max=20))
    monkeypatch.setattr(handling, "ROUND_DELAYS_S", (0.01, 0.02))


async def quarantined(context: BusContext) -> list[Row]:
    return await context.db.fetch("SELECT * FROM quarantine ORDER BY kafka_offset")


async def reasons(context: BusContext) -> list[str]:
    return [row["reason"] for row in await quarantined(context)]


async def alerts(context: BusContext) -> list[tuple[str, str]]:
    rows = await context.db.fetch(
        "SELECT type, value FROM outbox_priority WHERE topic = 'alerts.v1' ORDER BY id"
    )
    kinds: dict[str, type[Event]] = {AlertRaised.TYPE: AlertRaised, AlertResolved.TYPE: AlertResolved}
    return [
        (kind.__name__, getattr(kind.model_validate_json(row["value"]), "name", ""))
        for row in rows
        for kind in [kinds[row["type"]]]
    ]


def raising(sqlstate: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END $$"


def fails_with(db: Database, sqlstate: str, numbers: set[int]) -> Any:
    """Fail in the database for every batch with one of these numbers."""

    async def fault(batch: list[int]) -> None:
        if numbers & set(batch):
            await db.execute(raising(sqlstate))

    return fault


# ---- what a record's headers hold


@pytest.mark.parametrize(
    "trace", [b"00-\x00", b"00-" + b"\x00" * 52, b"01-" + b"a" * 32 + b"-" + b"b" * 16 + b"-00-\x00"]
)
async def test_an_invalid_trace_context_is_not_propagated(
    broker: Broker, context: BusContext, trace: bytes
) -> None:
    topic = await broker.new_topic()
    rejected = Raw.of(ping(1, topic=topic)).replace(headers={"traceparent": trace})
    await broker.send(topic, [ping(0, topic=topic), rejected, ping(2, topic=topic)])

    async def passes_on(batch: Batch[Ping]) -> None:
        async with context.db.transaction() as tx:
            sent = [
                Message.of(one.value, event_id("on", one.event_id), at=AT, traceparent=one.traceparent)
                for one in batch
            ]
            await context.outbox.put(tx, sent)

    async with consuming(context, Subscription(topic, (Ping,), passes_on)):

        async def all_handled() -> bool:
            return bool(await context.db.fetchval("SELECT count(*) FROM outbox_priority") == 3)

        await until(all_handled, deadline_s=PROMPT_S, what="all three handled")
    assert await quarantined(context) == []


ODD_HEADERS: list[dict[str, Any]] = [
    {"x-\x00": b"v"},
    {"traceparent": b"00-\x00"},
    {"x-odd": b"\x00\xff"},
    {"\x00": None},
    {"x" * 9_000: b"y" * 9_000},
    {f"x-{number}": b"z" for number in range(500)},
]


@pytest.mark.parametrize("odd", ODD_HEADERS, ids=range(len(ODD_HEADERS)))
async def test_a_refused_record_is_quarantined_whatever_its_headers_are(
    broker: Broker, context: BusContext, odd: dict[str, Any]
) -> None:
    topic = await broker.new_topic()
    refused = Raw.of(ping(1, topic=topic)).replace(value=b"{", headers=odd)
    await broker.send(topic, [ping(0, topic=topic), refused, ping(2, topic=topic)])
    recorder = Recorder()
    async with consuming(context, Subscription(topic, (Ping,), recorder)):
        await until(lambda: recorder.numbers == [0, 2], deadline_s=PROMPT_S, what="the others")
    assert await reasons(context) == ["value_invalid"]


@pytest.mark.parametrize("ce_id", [b"x" * 201, b"y" * 6_000, b"a\x00b"])
async def test_an_event_id_that_is_too_long_for_an_index_is_refused(
    broker: Broker, context: BusContext, ce_id: bytes
) -> None:
    topic = await broker.new_topic()
    rejected = Raw.of(ping(1, topic=topic)).replace(headers={"ce_id": ce_id})
    longest = Raw.of(ping(2, topic=topic)).replace(headers={"ce_id": "\u20ac".encode() * 200})
    await broker.send(topic, [rejected, longest])
    recorder = Recorder()
    async with consuming(context, Subscription(topic, (Ping,), recorder)):
        await until(lambda: recorder.numbers == [2], deadline_s=PROMPT_S, what="the other")
    assert await reasons(context) == ["header_invalid"]


async def test_a_text_with_nul_is_refused_before_the_database_sees_it(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    good = Raw.of(ping(1, topic=topic))
    value = good.value or b""
    nul = good.replace(value=value.replace(b'"words":""', b'"words":"a\\u0000b"'))
    escaped = good.replace(value=value.replace(b'"words":""', b'"words":"a\\\\u0000b"'))
    await broker.send(topic, [nul, escaped])
    recorder = Recorder()
    async with consuming(context, Subscription(topic, (Ping,), recorder)):
        await until(lambda: recorder.numbers == [1], deadline_s=PROMPT_S, what="the text about NUL")
    assert await reasons(context) == ["nul_character"]


# ---- the last resort


@pytest.mark.parametrize("error", [Poison("refused_too"), RuntimeError("a bug")])
async def test_a_record_that_cannot_be_stored_leaves_its_position_and_reason(
    broker: Broker, context: BusContext, error: Exception
) -> None:
    topic = await broker.new_topic()
    await broker.send(
        topic,
        [
            ping(0, topic=topic),
            Raw(b"{secret", b"up:1", [("x-a", b"b")]),
            Raw(b"{", b"ok"),
            ping(3, topic=topic),
        ],
    )
    recorder = Recorder()

    async def on_bad(_: Transaction, bad: Sequence[Bad]) -> None:
        if any(one.offset == 1 for one in bad):
            raise error

    async with consuming(context, Subscription(topic, (Ping,), recorder, on_bad=on_bad)):
        await until(lambda: recorder.numbers == [0, 3], deadline_s=PROMPT_S, what="the others")
    minimal, complete = await quarantined(context)
    assert (minimal["kafka_offset"], minimal["reason"]) == (1, "header_missing")
    assert (minimal["value"], minimal["record_key"], minimal["headers"]) == (None, None, "{}")
    assert minimal["subjects"] == ["up:1"]
    assert complete["value"] == b"{"


# ---- unexpected errors


async def test_a_record_that_fails_unexpectedly_is_quarantined_with_an_incident(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(50)])
    recorder = Recorder(fails_at(31, KeyError("a bug")))
    async with consuming(context, Subscription(topic, (Ping,), recorder)):
        await until(lambda: len(recorder.numbers) >= 49, deadline_s=PROMPT_S, what="the others")

        async def is_quarantined() -> bool:
            return await reasons(context) == ["handling_failed"]

        await until(is_quarantined, deadline_s=PROMPT_S, what="quarantined")
    (row,) = await quarantined(context)
    assert (row["kafka_offset"], row["detail"]) == (31, "KeyError")
    incident = await context.db.fetchrow("SELECT id, kind, subject FROM incident")
    assert incident is not None
    assert tuple(incident) == (row["id"], "handling_failed", "ann")
    assert await alerts(context) == [("AlertRaised", "RecordHandlingFailed")]
    assert recorder.attempts.count([31]) == 2 + len(handling.ROUND_DELAYS_S)


async def test_a_temporary_failure_succeeds_in_a_later_round(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(4)])
    recorder = Recorder(fails_at(2, RuntimeError("odd"), times=4))
    async with consuming(context, Subscription(topic, (Ping,), recorder)):
        await until(lambda: sorted(recorder.numbers) == [0, 1, 2, 3], what="all handled")
    assert await quarantined(context) == []


@pytest.mark.parametrize("sqlstate", ["XX000", "23505", "22003", "54000", "P0001"])
async def test_a_record_that_the_database_rejects_is_quarantined_and_the_others_are_handled(
    broker: Broker, context: BusContext, sqlstate: str
) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(20)])
    recorder = Recorder(fails_with(context.db, sqlstate, {7}))
    async with consuming(context, Subscription(topic, (Ping,), recorder)):

        async def is_quarantined() -> bool:
            return [row["kafka_offset"] for row in await quarantined(context)] == [7]

        await until(is_quarantined, deadline_s=PROMPT_S, what="quarantined")
        await until(lambda: len(recorder.numbers) >= 19, deadline_s=PROMPT_S, what="the others")


async def stalled(context: BusContext) -> bool:
    return ("AlertRaised", "LaneStalled") in await alerts(context)


@contextmanager
def broken(sqlstate: str | None) -> Iterator[tuple[asyncio.Event, Any]]:
    """A service that fails until the event is set."""
    fixed = asyncio.Event()

    def fault(db: Database) -> Any:
        async def fails(_: list[int]) -> None:
            if not fixed.is_set():
                if sqlstate is None:
                    raise KeyError("a bug of this release")
                await db.execute(raising(sqlstate))

        return fails

    yield fixed, fault


@pytest.mark.parametrize("sqlstate", [None, "XX000", "23502", "42P01", "25006", "53100", "40001", "58030"])
async def test_a_broken_service_stalls_raises_an_alert_and_resumes_when_fixed(
    broker: Broker, context: BusContext, sqlstate: str | None
) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(10)])
    with broken(sqlstate) as (fixed, fault):
        recorder = Recorder(fault(context.db))
        async with consuming(context, Subscription(topic, (Ping,), recorder)):
            await until(lambda: stalled(context), what="paged")
            attempts = len(recorder.attempts)
            await until(lambda: len(recorder.attempts) > attempts, what="a retry")
            assert await quarantined(context) == []
            assert (topic, 0) not in await broker.committed(context.service)
            fixed.set()
            await until(lambda: set(recorder.numbers) == set(range(10)), what="all handled")

            async def resolved() -> bool:
                return (await alerts(context))[-1] == ("AlertResolved", "LaneStalled")

            await until(resolved, what="the alert is resolved")
    assert await alerts(context) == [("AlertRaised", "LaneStalled"), ("AlertResolved", "LaneStalled")]


async def test_single_records_are_quarantined_until_five_in_a_row_have_failed(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    recorder = Recorder(fails_with(context.db, "XX000", set(range(100))))
    subscription = Subscription(topic, (Ping,), recorder, records_max=1)
    await broker.send(topic, [ping(n, topic=topic) for n in range(7)])
    async with consuming(context, subscription):
        await until(lambda: stalled(context), what="paged")
    assert [row["kafka_offset"] for row in await quarantined(context)] == [0, 1, 2, 3]
    async with consuming(context, subscription):  # another process fails too
        attempts = len(recorder.attempts)
        await until(lambda: len(recorder.attempts) > attempts + 6, what="a retry")
    assert [row["kafka_offset"] for row in await quarantined(context)] == [0, 1, 2, 3]


async def test_many_bad_records_do_not_stop_a_working_lane(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    rejected = set(range(1, 61))
    await broker.send(topic, [ping(n, topic=topic) for n in range(62)])
    recorder = Recorder(fails_with(context.db, "XX000", rejected))
    async with consuming(context, Subscription(topic, (Ping,), recorder, records_max=20)):
        await until(lambda: 61 in recorder.numbers, what="the last one")
    assert {row["kafka_offset"] for row in await quarantined(context)} == rejected
    assert not await stalled(context)


# ---- own offsets


def own(topic: str, recorder: Recorder, context: BusContext, **more: Any) -> Subscription:
    """A lane with its offsets in the database."""

    async def handle(batch: Batch[Ping]) -> None:
        async with context.db.transaction() as tx:
            await recorder(batch)
            await offsets.keep(tx, context.service, batch)

    return Subscription(topic, (Ping,), handle, lane="orders", own_offsets=True, **more)


async def position(context: BusContext) -> int | None:
    found: int | None = await context.db.fetchval("SELECT next_offset FROM consumer_offset")
    return found


@pytest.mark.parametrize(
    "last",
    [
        Raw(b"{", b"ann"),
        Raw.of(ping(3)).replace(headers={"ce_id": b"x" * 300}),
        Raw.of(ping(66)),
    ],
    ids=["unreadable", "odd id", "refused"],
)
async def test_own_offsets_move_past_quarantined_records(
    broker: Broker, context: BusContext, last: Raw
) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(3)])
    await broker.send(topic, [last])
    recorder = Recorder(fails_at(66, Poison("refused_here")))
    async with consuming(context, own(topic, recorder, context)):

        async def all_processed() -> bool:
            return await position(context) == 4

        await until(all_processed, what="the offset is past it")
    assert recorder.numbers == [0, 1, 2]
    await CatchUp(context.settings, context.db, context.service, topic).check()


async def test_own_offsets_never_pass_an_unprocessed_record(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    await broker.send(
        topic, [ping(0, topic=topic), Raw(b"{", b"ann"), *[ping(n, topic=topic) for n in range(2, 6)]]
    )
    unavailable = asyncio.Event()

    async def fault(numbers: list[int]) -> None:
        if 3 in numbers and len(numbers) > 1:
            raise Poison("halve_it")
        if 3 in numbers and not unavailable.is_set():
            # First so that its successors go through before it, then so that it stays open.
            raise KeyError("odd") if recorder.attempts.count([3]) == 1 else Transient("away")

    recorder = Recorder(fault)
    async with consuming(context, own(topic, recorder, context)):
        await until(lambda: recorder.attempts.count([3]) > 2, what="record 3 alone")
        assert await position(context) == 3
        unavailable.set()

        async def all_processed() -> bool:
            return await position(context) == 6

        await until(all_processed, what="all processed")


async def test_own_offsets_do_not_go_back_unless_the_log_was_replaced(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    async with context.db.transaction() as tx:
        await offsets.move(tx, context.service, {(topic, 0): 50})
        await offsets.move(tx, context.service, {(topic, 0): 4})
    assert await position(context) == 50
    await broker.send(topic, [ping(n, topic=topic) for n in range(3)])
    recorder = Recorder()
    async with consuming(context, own(topic, recorder, context)):
        await until(lambda: recorder.numbers == [0, 1, 2], what="the new log")

        async def new_offsets() -> bool:
            return await position(context) == 3

        await until(new_offsets, what="its offsets")


# ---- beginnings and ends


async def test_a_restarted_bus_returns_no_record_before_its_start_position_is_known(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    bus = Bus(context, [own(topic, Recorder(), context)])
    await bus.start(ShutdownEvent())
    await until(lambda: bus.subscribers[0].assigned is not None, what="assigned")
    await bus.stop()
    assert not bus.subscribers[0]._positioned.is_set()
    assert bus.subscribers[0].assigned is None


async def test_it_shuts_down_while_the_database_is_unavailable(
    broker: Broker, context: BusContext, unused_tcp_port: int
) -> None:
    topic = await broker.new_topic()
    async with Database.connect(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/none") as unavailable:
        bus = Bus(replace(context, db=unavailable), [own(topic, Recorder(), context)])
        stopping = ShutdownEvent()
        starting = asyncio.create_task(bus.start(stopping))
        await asyncio.sleep(2.0)
        assert bus.subscribers[0].assigned is None
        stopping.set()
        await asyncio.wait_for(starting, 5.0)
        await asyncio.wait_for(bus.stop(), 10.0)


async def test_articles_are_delayed_by_an_order_and_continue(broker: Broker, context: BusContext) -> None:
    orders, articles = await broker.new_topic(), await broker.new_topic()
    processing: list[bool] = []
    gate = asyncio.Event()

    async def hold(_: list[int]) -> None:
        processing.append(context.priority.active)
        await gate.wait()

    async def nothing_forbidden(_: Transaction, __: Sequence[str]) -> set[str]:
        return set()

    recorder, calls = Recorder(), Counter[bool]()
    yield_to_urgent = context.priority.yield_to_urgent

    async def record_yield() -> None:
        calls[context.priority.active] += 1
        await yield_to_urgent()

    context.priority.yield_to_urgent = record_yield  # type: ignore[method-assign]
    content = Subscription(articles, (Ping,), recorder, forbidden=nothing_forbidden)
    async with consuming(context, Subscription(orders, (Ping,), Recorder(hold)), content):
        await broker.send(orders, [ping(1, topic=orders)])
        await until(lambda: processing, what="the order is being handled")
        await broker.send(articles, [ping(n, topic=articles) for n in range(3 * SLICE)])
        await until(lambda: len(recorder.numbers) == 3 * SLICE, what="the articles continue")
        gate.set()
    assert processing == [True]
    assert calls[True] >= 3
