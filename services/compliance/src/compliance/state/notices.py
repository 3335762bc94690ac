"""Notices, each once, with the order that it got."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clawback_common.db import Querier, Queries, Transaction
from clawback_common.db.pool import Row
from compliance.domain.notice import Notice, NoticeKey
from compliance.domain.order import Decision, Ordered

SQL = Queries.load(__package__, "notices")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the notices of some polls are."""

    recorded: int
    open: int
    closed: int


async def known(tx: Querier, notices: Sequence[Notice]) -> tuple[dict[NoticeKey, UUID], list[NoticeKey]]:
    """The order of each of these notices that was recorded before, and those whose id names another article too."""
    rows = await tx.fetch(
        SQL["known"], [notice.notice_id for notice in notices], [notice.article_id for notice in notices]
    )
    found = {
        (row["notice_id"], row["article_id"]): row["revocation_id"] for row in rows if row["revocation_id"]
    }
    return found, [(row["notice_id"], row["article_id"]) for row in rows if row["reused"]]


async def put(
    tx: Transaction, notices: Sequence[Notice], decisions: Sequence[Decision], now: datetime
) -> None:
    """Records the new ones with their orders, and which poll brought which, new or not."""
    rows = [
        (notice, decision.revocation_id, isinstance(decision, Ordered) and decision.backlog)
        for decision in decisions
        for notice in (decision.notices if isinstance(decision, Ordered) else decision.new)
    ]
    if rows:
        await tx.execute(
            SQL["put"],
            [notice.notice_id for notice, *_ in rows],
            [notice.article_id for notice, *_ in rows],
            [notice.reason.value for notice, *_ in rows],
            [notice.noticed_by for notice, *_ in rows],
            [notice.noticed_at for notice, *_ in rows],
            [notice.revoked_at for notice, *_ in rows],
            [notice.earliest_at for notice, *_ in rows],
            [notice.poll_id for notice, *_ in rows],
            [notice.note for notice, *_ in rows],
            [order for _, order, _ in rows],
            [late for *_, late in rows],
            now,
        )
    polled = [notice for notice in notices if notice.poll_id is not None]
    if polled:
        await tx.execute(
            SQL["put_polls"],
            [notice.poll_id for notice in polled],
            [notice.notice_id for notice in polled],
            [notice.article_id for notice in polled],
        )


async def of_polls(db: Querier, poll_ids: Sequence[UUID]) -> Progress:
    """How far the notices of these polls are."""
    row = await db.fetchrow(SQL["of_polls"], poll_ids)
    return Progress(row["recorded"], row["open"], row["closed"]) if row else Progress(0, 0, 0)


async def of_article(db: Querier, article_id: str) -> list[Row]:
    """Every notice on an article, the oldest first."""
    return await db.fetch(SQL["of_article"], article_id)


async def of_revocation(db: Querier, revocation_id: UUID) -> list[Row]:
    """Every notice that an order answers, the oldest first."""
    return await db.fetch(SQL["of_revocation"], revocation_id)


async def request(
    tx: Transaction,
    request_id: UUID,
    article_ids: Sequence[str],
    reason: str,
    revoked_at: datetime | None,
    note: str | None,
    made_by: str,
    now: datetime,
) -> None:
    """Keeps notices on many ids until a second person confirms them."""
    await tx.execute(SQL["request"], request_id, article_ids, reason, revoked_at, note, made_by, now)


async def requested(tx: Transaction, request_id: UUID) -> Row | None:
    """Takes such a request."""
    return await tx.fetchrow(SQL["requested"], request_id)


async def confirm(tx: Transaction, request_id: UUID, confirmed_by: str, now: datetime) -> None:
    """Notes who confirmed it."""
    await tx.execute(SQL["confirm"], request_id, confirmed_by, now)
