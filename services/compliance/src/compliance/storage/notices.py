"""Notices, each once, with the order that it got."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.v1 import ArticleReinstated
from compliance.domain.notice import Notice, NoticeKey
from compliance.domain.notice_state import RecordedNotice
from compliance.domain.order import Decision, IssueOrder, Kind

SQL = Queries.load(__package__, "notices")


async def recover(tx: Transaction, orders: Sequence[AnyOrder], now: datetime) -> None:
    """Records the notices that these orders answer, where they are not known."""
    cited = [
        (notice_id, order.article_id, order.order)
        for order in orders
        if not isinstance(order, ArticleReinstated)
        for notice_id in order.notice_ids
    ]
    if cited:
        ids, article_ids, numbers = zip(*cited, strict=True)
        await tx.execute(SQL["recover"], ids, article_ids, numbers, now)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the notices of some polls are."""

    recorded: int
    open: int
    closed: int


async def known(
    tx: Querier, notices: Sequence[Notice], *, revoking_only: bool = False
) -> tuple[dict[NoticeKey, UUID], list[NoticeKey]]:
    """The order of each of these notices that was recorded before, and those whose id names another article too.

    One that outranks what is recorded under its identity is new.

    Args:
        tx: in which the articles are locked.
        notices: what arrived.
        revoking_only: leaves out those whose order only withholds the article, or was lifted.
    """
    rows = await tx.fetch(
        SQL["known"], [notice.notice_id for notice in notices], [notice.article_id for notice in notices]
    )
    by_key = {notice.key: notice for notice in notices}
    found = {
        key: row["revocation_id"]
        for row in rows
        if row["revocation_id"]
        and (row["revokes"] or not revoking_only)
        and not by_key[key := (row["notice_id"], row["article_id"])].outranks(
            row["noticed_by"], withholds=row["withholds"]
        )
    }
    return found, [(row["notice_id"], row["article_id"]) for row in rows if row["reused"]]


async def lock_subject(tx: Transaction, subject: str) -> None:
    """Nobody else counts for this subject until the transaction ends."""
    await tx.execute(SQL["lock_subject"], subject)


async def used(db: Querier, counted_for: str, since: datetime, limit: int) -> int:
    """Articles that were revoked for it since then without a second person, at most ``limit``."""
    return int(await db.fetchval(SQL["used"], counted_for, since, limit))


async def counted_by_feed(db: Querier, since: datetime, limit: int) -> dict[str, int]:
    """How many articles each feed has had revoked since then, each at most ``limit``."""
    rows = await db.fetch(SQL["counted_by_feed"], since, limit)
    return {row["feed"]: row["count"] for row in rows}


async def of_request(tx: Querier, request_id: UUID, article_ids: Sequence[str]) -> list[Notice]:
    """The notices of a request on these articles that are recorded already."""
    rows = await tx.fetch(SQL["of_request"], request_id, article_ids)
    return [
        Notice(
            notice_id=row["notice_id"],
            article_id=row["article_id"],
            reason=row["reason"],
            noticed_by=row["noticed_by"],
            noticed_at=row["noticed_at"],
            revoked_at=row["revoked_at"],
            earliest_at=row["earliest_at"],
            poll_id=row["poll_id"],
            note=row["note"],
            request_id=row["request_id"],
        )
        for row in rows
    ]


async def orders_of_request(db: Querier, request_id: UUID) -> dict[str, UUID]:
    """The order of each article of a request, as far as it is carried out."""
    rows = await db.fetch(SQL["orders_of_request"], request_id)
    return {row["article_id"]: row["revocation_id"] for row in rows}


STATUS_MAX = 500
"""Notices of which a status speaks."""


async def status(db: Querier, any_id: str) -> list[RecordedNotice]:
    """The notices of this id, or of the request of this id, each with its order; none for what is no UUID."""
    try:
        wanted = UUID(any_id)
    except ValueError:
        return []
    return [
        RecordedNotice(
            notice_id=row["notice_id"],
            article_id=row["article_id"],
            noticed_by=row["noticed_by"],
            received_at=row["received_at"],
            request_id=row["request_id"],
            request_refused=row["request_refused"],
            order_kind=Kind(row["kind"]),
            order_no=row["order_no"],
            revocation_id=row["revocation_id"],
            order_sent=row["order_sent"],
            closed_at=row["closed_at"],
        )
        for row in await db.fetch(SQL["status"], wanted, STATUS_MAX + 1)
    ]


async def save(
    tx: Transaction,
    notices: Sequence[Notice],
    decisions: Sequence[Decision],
    now: datetime,
    counted: Mapping[NoticeKey, str],
) -> None:
    """Records the new ones with their orders, and which poll brought which, new or not.

    Args:
        tx: in which the articles are locked.
        notices: all that arrived.
        decisions: what became of them.
        now: when they arrived.
        counted: whose approval limit each of them used.
    """
    rows = [
        (notice, decision.revocation_id, isinstance(decision, IssueOrder) and decision.backlog)
        for decision in decisions
        for notice in (decision.notices if isinstance(decision, IssueOrder) else decision.new)
    ]
    if rows:
        await tx.execute(
            SQL["save"],
            [notice.notice_id for notice, *_ in rows],
            [notice.article_id for notice, *_ in rows],
            [notice.reason for notice, *_ in rows],
            [notice.noticed_by for notice, *_ in rows],
            [notice.noticed_at for notice, *_ in rows],
            [notice.revoked_at for notice, *_ in rows],
            [notice.earliest_at for notice, *_ in rows],
            [notice.poll_id for notice, *_ in rows],
            [notice.note for notice, *_ in rows],
            [order for _, order, _ in rows],
            [late for *_, late in rows],
            [counted.get(notice.key) for notice, *_ in rows],
            [notice.request_id for notice, *_ in rows],
            now,
        )
    polled = [notice for notice in notices if notice.poll_id is not None]
    if polled:
        await tx.execute(
            SQL["save_polls"],
            [notice.poll_id for notice in polled],
            [notice.notice_id for notice in polled],
            [notice.article_id for notice in polled],
        )


async def of_polls(db: Querier, poll_ids: Sequence[UUID]) -> Progress:
    """How far the notices of these polls are."""
    row = await db.fetchrow(SQL["of_polls"], poll_ids)
    return Progress(row["recorded"], row["open"], row["closed"]) if row else Progress(0, 0, 0)


async def of_article(db: Querier, article_id: str, after: tuple[datetime, UUID], limit: int) -> list[Row]:
    """Notices on an article, the oldest first, from a position on."""
    return await db.fetch(SQL["of_article"], article_id, *after, limit)


async def of_revocation(db: Querier, revocation_id: UUID, limit: int) -> list[Row]:
    """Notices that an order answers, the oldest first."""
    return await db.fetch(SQL["of_revocation"], revocation_id, limit)
