"""Retries of dead letters: a quarantined record is processed by the same handler as any other."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import orjson

from clawback_common.clock import Clock
from clawback_common.errors import Poison
from clawback_common.http.dead_letters import DeadLetterFilter, Retried
from clawback_common.kafka.authentication import Authentication
from clawback_common.kafka.decode import Decoder
from clawback_common.kafka.subscription import Subscription
from clawback_common.messaging.quarantine import SQL
from clawback_common.postgres import Database
from clawback_common.postgres.pool import Row
from clawback_common.telemetry import describe

RETRY_MAX = 500
NEWEST = (datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))
"""Before the newest record of a list."""
Redrive = Callable[[Row], Awaitable[None]]
"""Processes one quarantined record again; raises the error if it fails again."""
SourceRedrive = Callable[[str], Redrive | None]
"""Returns what retries the records of a source; None when nothing does."""


def redrive_by_subscription(
    group: str, subscriptions: Sequence[Subscription], authentication: Authentication
) -> dict[str, Redrive]:
    """Return for each topic of a group a function that decodes a record again and passes it to the handler."""
    return {
        subscription.topic: _through(group, subscription, authentication) for subscription in subscriptions
    }


def _through(group: str, subscription: Subscription, authentication: Authentication) -> Redrive:
    decoder = Decoder(
        group,
        subscription.events,
        subscription.value_bytes_max,
        authentication,
        content=subscription.content,
    )

    async def again(row: Row) -> None:
        record = SimpleNamespace(
            topic=row["topic"],
            partition=row["partition"],
            offset=row["kafka_offset"],
            timestamp=int(row["arrived_at"].timestamp() * 1000),
            key=row["record_key"],
            value=row["value"],
            headers=[(name, value.encode()) for name, value in orjson.loads(row["headers"]).items()],
        )
        good, bad = decoder.decode([record])
        if bad:
            raise bad[0].error
        await subscription.handler(good)

    return again


class DeadLetterService:
    """Lists and retries the quarantine of a service."""

    def __init__(self, db: Database, clock: Clock, handler_for: Callable[[str], Redrive | None]) -> None:
        self._db = db
        self._clock = clock
        self._handler_for = handler_for

    async def list(self, which: DeadLetterFilter, before: tuple[datetime, UUID], limit: int) -> Sequence[Row]:
        """Return some of the records before this time and id, the newest first, without their bytes."""
        older_s = which.older_than_s
        older = None if older_s is None else self._clock.now() - timedelta(seconds=older_s)
        ids: Any = None if which.ids is None else [*which.ids]
        return await self._db.fetch(
            SQL["page"], *before, which.type, which.reason, older, ids, which.resolved, limit
        )

    async def retry(self, which: DeadLetterFilter) -> Retried:
        """Process up to 500 records again, one by one, so that a failing one does not stop the others."""
        rows = await self.list(which, NEWEST, RETRY_MAX)
        outcomes = [await self._again(row["id"]) for row in rows if row["kept"]]
        return Retried(outcomes.count(True), outcomes.count(False))

    async def _again(self, quarantine_id: UUID) -> bool | None:
        taken = await self._db.fetch(SQL["take"], [quarantine_id])
        if not taken:
            return None
        row = taken[0]
        try:
            await (self._handler_for(row["topic"]) or _no_handler)(row)
        except Exception as error:  # noqa: BLE001 - an error of one record must not stop the others
            reason, detail = (
                (error.reason, error.detail)
                if isinstance(error, Poison)
                else ("failed_again", describe(error))
            )
            await self._mark(row, None, reason, detail[:500])
            return False
        await self._mark(row, "retried", None, None)
        return True

    async def _mark(self, row: Row, resolution: str | None, reason: str | None, detail: str | None) -> None:
        await self._db.execute(SQL["retried"], row["id"], self._clock.now(), resolution, reason, detail)


async def _no_handler(_: Row) -> None:
    raise Poison("no_way_back", "this service has no handler for records of this source")
