"""Processing of a batch: each record is handled or quarantined, independently of the others.

A batch that fails is split in halves until the failing records are alone. A record that a rule refuses is quarantined
at once. A record that fails for another reason is tried a few more times. Then either the record is at fault and is
quarantined with an incident, or the service is at fault, and the lane stalls and raises an alert. To decide this, the
last record that was handled successfully is handled again; if there is none, the number of consecutive records that
failed in the same way decides.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

import structlog
from aiokafka import ConsumerRecord

from clawback_common.alerts.condition import handling_failed
from clawback_common.errors import Defect, Poison, Stop, Transient
from clawback_common.kafka import offsets
from clawback_common.kafka.decode import Decoder
from clawback_common.kafka.envelope import Batch, Received
from clawback_common.kafka.progress import Progress
from clawback_common.kafka.stalls import Stalls
from clawback_common.kafka.subscription import BusContext, Subscription, group_of
from clawback_common.messaging import incidents, quarantine
from clawback_common.messaging.quarantine import Bad
from clawback_common.retry import Retry, retrying
from clawback_common.telemetry import describe, gauge
from clawback_common.telemetry.tracing import process_span

IN_PROCESS = Retry(attempts=40, first_delay_ms=50, factor=2, delay_ms_max=5_000)
"""About three minutes: longer than a database restart takes, shorter than ``max.poll.interval``."""
ROUND_DELAYS_S = (0.2, 0.8)
"""Pauses before a record that fails alone is tried again: short, because later records wait."""
REPORT_S_MAX = 10.0
ALERT_INTERVAL_S = 3600.0

_STALLED = gauge(
    "bus_stalled_state", "1 while a lane is stalled because the service is at fault.", ("topic",)
)
_log = structlog.stdlib.get_logger(__name__)

Raw: TypeAlias = "ConsumerRecord[Any, Any]"


class Stalled(Transient):
    """Every record fails in the same way: the service is at fault, and nothing is quarantined."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"every record fails with {kind}")
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Failure:
    """A single record, and the error of its handler."""

    record: Received[Any]
    error: Exception

    @property
    def refused(self) -> bool:
        """Whether one of our rules refused it; such a record is not tried again."""
        return isinstance(self.error, Poison) and self.error.sqlstate is None

    @property
    def kind(self) -> str:
        """What identifies equal failures: the SQLSTATE, else the type of the error."""
        sqlstate = getattr(self.error, "sqlstate", None)
        return sqlstate if isinstance(sqlstate, str) else type(self.error).__name__

    @property
    def unexpected(self) -> bool:
        """Whether it is neither a refusal by a rule nor a value that the database cannot store."""
        return not isinstance(self.error, Poison)

    @property
    def poison(self) -> Poison:
        """Return the reason for the quarantine."""
        if isinstance(self.error, Poison):
            return self.error
        return Poison("handling_failed", describe(self.error)[:500])


class Handling:
    """Handles the batches of one subscriber, one after the other."""

    def __init__(self, subscription: Subscription, context: BusContext) -> None:
        self.subscription = subscription
        self._context = context
        self.group = group_of(context.service, subscription)
        self._decoder = Decoder(
            context.service,
            subscription.events,
            subscription.value_bytes_max,
            context.authentication,
            content=subscription.content,
        )
        self._stalls = Stalls(context.db, context.clock, context.alerts, self.group, subscription.topic)
        self._alike: dict[str, int] = {}
        """Consecutive records that failed in the same way, by the kind of failure."""
        self._controls: dict[type, Received[Any]] = {}
        """The last successfully handled record of each type."""
        self._may_be_stalled: set[int] = set()
        self._alert_after_s = 0.0

    def assigned(self, partitions: set[int]) -> None:
        """Set the assigned partitions; a previous process may have left one stalled."""
        self._may_be_stalled = set(partitions)

    async def __call__(self, records: Sequence[Raw]) -> None:
        """Handle or quarantine every record.

        Raises:
            Exception: some records were neither handled nor quarantined; the batch must be redelivered.
        """
        progress = Progress(records)
        try:
            with nullcontext() if self.subscription.content else self._context.priority.urgent():
                await self._process(records, progress)
        except Exception as error:
            await self._report(progress, error)
            raise
        await self._resumed(progress)

    async def quarantine_undecodable(self, topic: str, partition: int, offset: int) -> None:
        """Quarantine a record that the Kafka client cannot decode."""
        error = Poison(
            "record_unreadable", "the client cannot decode the record; its bytes remain on the topic only"
        )
        bad = Bad(error, source=self._context.service, topic=topic, partition=partition, offset=offset)
        await self._quarantine([bad], Progress([]))

    async def _read(self, records: Sequence[Raw]) -> tuple[list[Received[Any]], list[Bad]]:
        if not self.subscription.content:
            return self._decoder.decode(records)
        good: list[Received[Any]] = []
        bad: list[Bad] = []
        async for some in self._context.priority.slices(records):
            read, unreadable = self._decoder.decode(some)
            good += read
            bad += unreadable
        return good, bad

    async def _process(self, records: Sequence[Raw], progress: Progress) -> None:
        good, bad = await self._read(records)
        if bad:
            await self._quarantine(bad, progress)
        if good:
            with process_span(self.subscription.topic, self.group, [one.traceparent for one in good]):
                failures = await self._bisect(good, progress)
                failures = await self._again(failures, progress)
            if failures:
                raws = {(one.topic, one.partition, one.offset): one for one in records}
                await self._quarantine_faulty(failures, raws, progress)

    async def _bisect(self, batch: Batch[Any], progress: Progress) -> list[Failure]:
        """Handle the batch, splitting it on failure; return the single records that failed. The others are done."""
        try:
            await self._call_handler(batch, progress)
        except (Transient, Stop):
            raise
        except Exception as error:  # noqa: BLE001 - the record that causes any error is searched for
            if len(batch) == 1:
                return [Failure(batch[0], error)]
            middle = len(batch) // 2
            return [
                *await self._bisect(batch[:middle], progress),
                *await self._bisect(batch[middle:], progress),
            ]
        return []

    async def _again(self, failures: list[Failure], progress: Progress) -> list[Failure]:
        """Retry records that failed unexpectedly, a bounded number of times, because the failure may be temporary."""
        for delay_s in ROUND_DELAYS_S:
            if not any(one.unexpected for one in failures):
                break
            await asyncio.sleep(delay_s)
            still = []
            for one in failures:
                still += await self._bisect([one.record], progress) if one.unexpected else [one]
            failures = still
        return failures

    async def _call_handler(self, batch: Batch[Any], progress: Progress) -> None:
        positioned = progress.positioned(batch) if self.subscription.own_offsets else batch
        await self._retrying(lambda: self.subscription.handler(positioned), progress)
        progress.close(batch)
        self._alike.clear()
        self._controls[type(batch[-1].value)] = batch[-1]

    async def _quarantine_faulty(
        self, failures: Sequence[Failure], raws: dict[tuple[str, int, int], Raw], progress: Progress
    ) -> None:
        """Quarantine the records that are at fault themselves.

        Raises:
            Stalled: the service is at fault; the records concerned are neither handled nor quarantined.
        """
        guilty = [one for one in failures if one.refused]
        suspects = [one for one in failures if not one.refused]
        stalled = None
        for kind in dict.fromkeys(one.kind for one in suspects):
            alike = [one for one in suspects if one.kind == kind]
            if await self._control_passes(alike[0]):
                self._alike.clear()
                # One more attempt: the cause may have been fixed between this failure and the control record.
                guilty += [again for one in alike for again in await self._bisect([one.record], progress)]
            elif await self._are_few(kind, alike):
                guilty += alike
            else:
                stalled = kind
        for unexpected in (False, True):
            bads = [
                self._decoder.refused(
                    raws[one.record.topic, one.record.partition, one.record.offset], one.poison
                )
                for one in guilty
                if one.unexpected == unexpected
            ]
            if bads:
                await self._quarantine(bads, progress, unexpected=unexpected)
        if stalled is not None:
            raise Stalled(stalled)

    async def _are_few(self, kind: str, alike: Sequence[Failure]) -> bool:
        """Return whether few enough consecutive records failed alike that each may be at fault itself."""
        limit = self._context.settings.stall_after_records
        partitions = sorted({one.record.partition for one in alike})
        if not self._alike and kind in await self._stalls.kinds(partitions):
            self._alike[kind] = limit
        self._alike = {kind: self._alike.get(kind, 0) + len(alike)}
        return self._alike[kind] < limit

    async def _control_passes(self, failure: Failure) -> bool:
        """Return whether an earlier record of the same type can still be handled; effects are idempotent."""
        control = self._controls.get(type(failure.record.value))
        if control is None:
            return False
        try:
            await self.subscription.handler([control])
        except (Transient, Stop):
            raise
        except Exception:  # noqa: BLE001 - any error means that it can no longer be handled
            return False
        return True

    async def _quarantine(self, bads: Sequence[Bad], progress: Progress, *, unexpected: bool = False) -> None:
        """Quarantine records completely; one that cannot be stored, with its position and reason only."""
        try:
            await self._retrying(lambda: self._set_aside(bads, progress, unexpected=unexpected), progress)
        except (Transient, Stop):
            raise
        except Exception as error:  # noqa: BLE001 - no content of a record may stop its lane
            if len(bads) == 1:
                await self._quarantine_minimal(bads[0], progress, error)
                return
            middle = len(bads) // 2
            await self._quarantine(bads[:middle], progress, unexpected=unexpected)
            await self._quarantine(bads[middle:], progress, unexpected=unexpected)

    async def _quarantine_minimal(self, bad: Bad, progress: Progress, error: Exception) -> None:
        _log.error("record cannot be quarantined completely", topic=bad.topic, offset=bad.offset, error=error)
        minimal = [bad.minimal()]
        try:
            await self._retrying(lambda: self._set_aside(minimal, progress, unexpected=True), progress)
        except (Transient, Stop):
            raise
        except Exception:  # noqa: BLE001 - the last resort: store the row only
            await self._retrying(lambda: self._set_aside(minimal, progress, report=False), progress)

    async def _set_aside(
        self, bads: Sequence[Bad], progress: Progress, *, unexpected: bool = False, report: bool = True
    ) -> None:
        context = self._context
        async with context.db.transaction() as tx:
            now = context.clock.now()
            new = set(await quarantine.put(tx, context.outbox, bads, now, self.subscription.forbidden))
            fresh = [one for one in bads if one.id in new]
            if report and self.subscription.on_bad:
                await self.subscription.on_bad(tx, fresh)
            if report and unexpected and fresh:
                await incidents.open_for_unreadable(tx, fresh, now, kind="handling_failed")
                if time.monotonic() >= self._alert_after_s:
                    await context.alerts.raise_one(tx, handling_failed(self.group, self.subscription.topic))
            if self.subscription.own_offsets:
                await offsets.move(tx, context.service, progress.after(bads))
        progress.close(bads)
        if report and unexpected and fresh:
            self._alert_after_s = max(self._alert_after_s, time.monotonic() + ALERT_INTERVAL_S)

    async def _retrying(self, call: Callable[[], Awaitable[None]], progress: Progress) -> None:
        async def attempt() -> None:
            try:
                await call()
            except Defect as error:
                await self._report(progress, error)
                raise

        await retrying(IN_PROCESS, attempt)

    async def _report(self, progress: Progress, error: Exception) -> None:
        """Record the stall and raise the alert, if the database permits it."""
        _STALLED.labels(self.subscription.topic).set(1)
        first = progress.first_open()
        if first is None or isinstance(error, Stop):
            return
        (_, partition), offset = first
        self._may_be_stalled.add(partition)
        kind = error.kind if isinstance(error, Stalled) else describe(error)[:200]
        try:
            await asyncio.wait_for(self._stalls.stalled(partition, offset, kind), REPORT_S_MAX)
        except Exception as failed:  # noqa: BLE001 - the cause of the stall often prevents this too
            _log.warning(
                "cannot raise the alert of a stalled lane", topic=self.subscription.topic, error=failed
            )

    async def _resumed(self, progress: Progress) -> None:
        _STALLED.labels(self.subscription.topic).set(0)
        went_on = {n: end for (_, n), end in progress.ends.items() if n in self._may_be_stalled}
        if went_on:
            try:
                await self._stalls.resumed(went_on)
            except Exception as failed:  # noqa: BLE001 - the next batch tries again
                _log.warning("cannot resolve the alert of a resumed lane", error=failed)
            else:
                self._may_be_stalled -= went_on.keys()
