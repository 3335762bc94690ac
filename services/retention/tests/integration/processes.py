"""Processes of retention, and fake owners on Kafka that answer correctly or incorrectly."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer

from clawback_common.kafka.envelope import Message
from clawback_common.postgres import Database
from clawback_contracts.envelope import event_id
from clawback_contracts.sweep.v1 import HoldsChanged, SweepAnswer, SweepCompleted, SweepFailed, SweepRequested
from clawback_testing.broker import Broker, Raw
from clawback_testing.processes import Processes
from clawback_testing.workers import running_service
from retention.service import SERVICE
from retention.settings import Settings

Answers: TypeAlias = Sequence[Raw | Message]
Behaviour: TypeAlias = Callable[[SweepRequested, str], Answers]
"""What an owner publishes when it receives a request."""


def completes(request: SweepRequested, owner: str) -> Answers:
    """Completes the sweep."""
    return [completed(request, owner)]


def completes_twice(request: SweepRequested, owner: str) -> Answers:
    """Completes the sweep; the answer is delivered twice."""
    return [completed(request, owner)] * 2


def fails(request: SweepRequested, owner: str) -> Answers:
    """Fails."""
    answer = SweepFailed(**_common(request, owner), error="the archive is missing")
    return [_message(answer)]


def silent(_request: SweepRequested, _owner: str) -> Answers:
    """Never answers."""
    return []


def sends_garbage(request: SweepRequested, owner: str) -> Answers:
    """Publishes invalid records before the answer."""
    raw = Raw.of(completed(request, owner))
    secret = b'{"title": "the text of somebody else"}'
    return [
        raw.replace(value=None),
        raw.replace(value=b"\xff\xfe"),
        raw.replace(value=b"not json"),
        raw.replace(value=secret),
        raw.replace(headers={"ce_type": b"clawback.sweep.completed.v9"}),
        raw.replace(headers={"ce_id": ...}),
        raw.replace(key=b"another-key"),
        raw,
    ]


GARBAGE_RECORDS = 7


def answers_from(attempt: int) -> Behaviour:
    """Ignores the first requests."""
    return lambda request, owner: completes(request, owner) if request.attempt >= attempt else []


def completed(request: SweepRequested, owner: str) -> Message:
    """An owner's answer."""
    return _message(SweepCompleted(**_common(request, owner), found=10, removed=8, held=2))


def _common(request: SweepRequested, owner: str) -> dict[str, object]:
    now = datetime.now(UTC)
    return {
        "sweep_id": request.sweep_id,
        "data_class": request.data_class,
        "owner": owner,
        "action": request.action,
        "dry_run": request.dry_run,
        "started_at": now,
        "ended_at": now,
        "attempt": request.attempt,
    }


def _message(answer: SweepAnswer) -> Message:
    identity = event_id("sweep", answer.sweep_id, answer.owner, answer.attempt)
    return Message.of(answer, identity, at=datetime.now(UTC), traceparent=None)


@dataclass(slots=True, kw_only=True)
class ProcessHarness(Processes):
    """The environment of the retention processes."""

    broker: Broker
    db: Database
    port: int

    def working(self) -> AbstractAsyncContextManager[None]:
        """Runs a worker within the test's process."""
        return running_service(SERVICE, Settings())

    async def requests(self) -> list[SweepRequested]:
        """All requests so far."""
        events = await self.broker.events(SweepRequested.TOPIC, SweepRequested, HoldsChanged)
        return [one for one in events if isinstance(one, SweepRequested)]


@asynccontextmanager
async def owners(harness: ProcessHarness, **behaviours: Behaviour) -> AsyncIterator[None]:
    """Owners that answer each request according to their behaviour."""
    consumer = AIOKafkaConsumer(
        SweepRequested.TOPIC,
        bootstrap_servers=harness.broker.bootstrap,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
    )
    stopping = asyncio.Event()

    async def answer() -> None:
        while not stopping.is_set():
            for some in (await consumer.getmany(timeout_ms=50)).values():
                for record in some:
                    if dict(record.headers)["ce_type"] != SweepRequested.TYPE.encode():
                        continue
                    request = SweepRequested.model_validate_json(record.value)
                    records = [
                        one
                        for owner in request.owners
                        if owner in behaviours
                        for one in behaviours[owner](request, owner)
                    ]
                    if records:
                        await harness.broker.send(SweepAnswer.TOPIC, records)

    await consumer.start()
    task = asyncio.create_task(answer())
    try:
        yield
    finally:
        stopping.set()
        await task
        await consumer.stop()
