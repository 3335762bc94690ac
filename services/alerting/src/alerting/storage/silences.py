"""Silences: what is muted, until when, by whom, and why."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog

from alerting.domain.matcher import Matcher
from clawback_common.postgres import Querier, Queries
from clawback_common.postgres.pool import Row

SQL = Queries.load(__package__, "silences")
_log = structlog.stdlib.get_logger(__name__)


async def insert(
    db: Querier,
    silence_id: UUID,
    matchers: Sequence[str],
    span: tuple[datetime, datetime],
    by: str,
    now: datetime,
    comment: str,
) -> Row:
    """Creates a silence, and returns it."""
    (row,) = await db.fetch(SQL["insert"], silence_id, list(matchers), *span, by, now, comment)
    return row


async def count(db: Querier, now: datetime) -> int:
    """Counts the active and future silences."""
    return int(await db.fetchval(SQL["count"], now))


async def in_force(db: Querier, now: datetime) -> list[tuple[UUID, list[Matcher]]]:
    """Returns the id and the matchers of each active silence. One that can no longer be parsed mutes nothing."""
    found = []
    for row in await db.fetch(SQL["active"], now):
        try:
            matchers = [Matcher.parse(written) for written in row["matchers"]]
            found.append((row["silence_id"], matchers))
        except ValueError as error:
            _log.error("a silence cannot be parsed", silence_id=row["silence_id"], reason=str(error))
    return found


async def end(db: Querier, silence_id: UUID, now: datetime, by: str) -> Row | None:
    """Ends a silence.

    Returns:
        The silence; None if there is none to end.
    """
    return await db.fetchrow(SQL["end"], silence_id, now, by)


async def page(
    db: Querier, before: tuple[datetime, UUID], now: datetime, *, ended_too: bool, limit: int
) -> list[Row]:
    """Returns a page of silences, newest first."""
    return await db.fetch(SQL["page"], ended_too, now, *before, limit)
