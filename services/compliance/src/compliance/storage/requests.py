"""Requests for a second person's decision, and their progress."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_common.postgres.rows import build
from compliance.domain.request import TOPIC_ARTICLES_MAX, Request, RequestKind

SQL = Queries.load(__package__, "requests")


async def insert(tx: Transaction, request: Request) -> None:
    """Records a new request."""
    await tx.execute(
        SQL["insert"],
        request.request_id,
        request.kind.value,
        request.entry,
        request.article_ids,
        request.holder,
        request.reason,
        request.revoked_at,
        request.note,
        request.made_by,
        request.made_at,
        request.expires_at,
        request.body_sha256,
        request.traceparent,
        request.needs_approval,
        request.withheld,
        request.executed_at,
    )


async def lock(tx: Transaction, request_id: UUID) -> Request | None:
    """Locks a request; None if there is no such request."""
    row = await tx.fetchrow(SQL["lock"], request_id)
    return _request(row) if row else None


async def lock_work(tx: Transaction, request_id: UUID | None) -> Request | None:
    """Locks a request with work left: this one, or the oldest that no other process has locked."""
    row = await tx.fetchrow(SQL["lock_work"], request_id)
    return _request(row) if row else None


async def lock_open_of_topic(
    tx: Transaction, made_by: str, reason: str, now: datetime, articles: int
) -> UUID | None:
    """Locks a waiting request of this sender's records with room for so many articles."""
    found: UUID | None = await tx.fetchval(
        SQL["lock_open_of_topic"], made_by, reason, now, articles, TOPIC_ARTICLES_MAX
    )
    return found


async def append(tx: Transaction, request_id: UUID, article_ids: Sequence[str]) -> None:
    """Adds withheld articles to a locked request; articles that it already names stay unchanged."""
    rows = await tx.fetch(SQL["contained"], request_id, article_ids)
    known = {row["article_id"] for row in rows}
    await tx.execute(SQL["append"], request_id, [one for one in article_ids if one not in known])


async def wanted(tx: Transaction, article_ids: Sequence[str], *, other_than: UUID | None = None) -> set[str]:
    """Returns the articles that another unfinished request wants revoked."""
    return {row["article_id"] for row in await tx.fetch(SQL["wanted"], other_than, article_ids)}


async def progress(
    tx: Transaction, request: Request, now: datetime, *, withheld: int, executed: int, done: bool
) -> None:
    """Records the progress of a locked request."""
    await tx.execute(SQL["progress"], request.request_id, withheld, executed, done, now)


async def confirm(
    tx: Transaction, request: Request, by: str, note: str | None, now: datetime, *, done: bool
) -> None:
    """Records who confirmed it."""
    await tx.execute(SQL["confirm"], request.request_id, by, now, note, done)


async def refuse(tx: Transaction, request: Request, by: str, note: str | None, now: datetime) -> None:
    """Records who refused it."""
    await tx.execute(SQL["refuse"], request.request_id, by, now, note)


async def page(db: Querier, before: tuple[datetime, UUID], *, finished_too: bool, limit: int) -> list[Row]:
    """Returns requests, the newest first."""
    return await db.fetch(SQL["page"], finished_too, *before, limit)


async def one(db: Querier, request_id: UUID) -> Row | None:
    """Returns one request with all its fields, for display."""
    return await db.fetchrow(SQL["one"], request_id)


async def waiting(db: Querier, now: datetime) -> Row | None:
    """Returns how many requests wait for a second person, and how many have expired."""
    return await db.fetchrow(SQL["waiting"], now)


def _request(row: Row) -> Request:
    return build(Request, row, kind=RequestKind(row["kind"]), article_ids=tuple(row["article_ids"]))
