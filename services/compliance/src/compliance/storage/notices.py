"""Notices, each recorded once, with its order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_common.postgres.rows import build, columns
from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.v1 import ArticleReinstated
from compliance.domain.notice import Notice, NoticeKey
from compliance.domain.notice_state import RecordedNotice
from compliance.domain.order import Decision, IssueOrder, Kind

SQL = Queries.load(__package__, "notices")


async def recover(tx: Transaction, orders: Sequence[AnyOrder], now: datetime) -> None:
    """Records the notices that these orders answer, unless they are recorded."""
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
    """The progress of the notices of some polls."""

    recorded: int
    open: int
    closed: int


async def known(
    tx: Querier, notices: Sequence[Notice], *, revoking_only: bool = False
) -> tuple[dict[NoticeKey, UUID], list[NoticeKey]]:
    """Returns the order of each recorded notice, and the notices whose id also names another article.

    A notice with more authority than the recorded one of its identity counts as new.

    Args:
        tx: The transaction in which the articles are locked.
        notices: The notices that arrived.
        revoking_only: Excludes notices whose order only withholds the article, or was reinstated.
    """
    rows = await tx.fetch(SQL["known"], *columns(notices, "notice_id article_id"))
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
    """Takes the lock on a subject's limit until the transaction ends."""
    await tx.execute(SQL["lock_subject"], subject)


async def used(db: Querier, counted_for: str, since: datetime, limit: int) -> int:
    """Returns how many articles were revoked for the subject since then without a second person, at most ``limit``."""
    return int(await db.fetchval(SQL["used"], counted_for, since, limit))


async def counted_by_feed(db: Querier, since: datetime, limit: int) -> dict[str, int]:
    """Returns how many articles each feed revoked since then, each at most ``limit``."""
    rows = await db.fetch(SQL["counted_by_feed"], since, limit)
    return {row["feed"]: row["count"] for row in rows}


async def of_request(tx: Querier, request_id: UUID, article_ids: Sequence[str]) -> list[Notice]:
    """Returns the recorded notices of a request on these articles."""
    rows = await tx.fetch(SQL["of_request"], request_id, article_ids)
    return [build(Notice, row) for row in rows]


async def orders_of_request(db: Querier, request_id: UUID) -> dict[str, UUID]:
    """Returns the order of each article of a request that is carried out."""
    rows = await db.fetch(SQL["orders_of_request"], request_id)
    return {row["article_id"]: row["revocation_id"] for row in rows}


STATUS_MAX = 500
"""The maximum number of notices in a status."""


async def status(db: Querier, any_id: str) -> list[RecordedNotice]:
    """Returns the notices with this id, or of the request with this id, with their orders; none if it is not a UUID."""
    try:
        wanted = UUID(any_id)
    except ValueError:
        return []
    return [
        build(RecordedNotice, row, order_kind=Kind(row["kind"]))
        for row in await db.fetch(SQL["status"], wanted, STATUS_MAX + 1)
    ]


async def save(
    tx: Transaction,
    notices: Sequence[Notice],
    decisions: Sequence[Decision],
    now: datetime,
    counted: Mapping[NoticeKey, str],
) -> None:
    """Records the new notices with their orders, and which poll brought which notice, also for known notices.

    Args:
        tx: The transaction in which the articles are locked.
        notices: All notices that arrived.
        decisions: The decisions on them.
        now: When they arrived.
        counted: The subject whose approval limit each notice used.
    """
    rows = [
        (notice, decision.revocation_id, isinstance(decision, IssueOrder) and decision.backlog)
        for decision in decisions
        for notice in (decision.notices if isinstance(decision, IssueOrder) else decision.new)
    ]
    if rows:
        await tx.execute(
            SQL["save"],
            *columns(
                [notice for notice, *_ in rows],
                "notice_id article_id reason noticed_by noticed_at revoked_at earliest_at poll_id note "
                "request_id",
            ),
            [order for _, order, _ in rows],
            [late for *_, late in rows],
            [counted.get(notice.key) for notice, *_ in rows],
            now,
        )
    polled = [notice for notice in notices if notice.poll_id is not None]
    if polled:
        await tx.execute(SQL["save_polls"], *columns(polled, "poll_id notice_id article_id"))


async def of_polls(db: Querier, poll_ids: Sequence[UUID]) -> Progress:
    """Returns the progress of the notices of these polls."""
    row = await db.fetchrow(SQL["of_polls"], poll_ids)
    return build(Progress, row) if row else Progress(0, 0, 0)


async def of_article(db: Querier, article_id: str, after: tuple[datetime, UUID], limit: int) -> list[Row]:
    """Returns notices on an article, the oldest first, after a position."""
    return await db.fetch(SQL["of_article"], article_id, *after, limit)


async def of_revocation(db: Querier, revocation_id: UUID, limit: int) -> list[Row]:
    """Returns the notices that an order answers, the oldest first."""
    return await db.fetch(SQL["of_revocation"], revocation_id, limit)
