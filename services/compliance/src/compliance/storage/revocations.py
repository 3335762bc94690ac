"""Orders of all kinds. Lock their rows before those of their obligations, in the order of their ids."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from clawback_common.postgres import Database, Querier, Queries, Transaction, estimates
from clawback_common.postgres.pool import Row
from clawback_common.postgres.rows import build, columns
from clawback_contracts import resending
from compliance.domain.order import IssueOrder, Kind, Order
from compliance.storage.holders import lock_exclusive

SQL = Queries.load(__package__, "revocations")
_ASKED_AGAIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Place:
    """The identity of an order on its article."""

    revocation_id: UUID
    article_id: str
    order_no: int
    kind: Kind
    superseded: bool


class CommittedFeed:
    """A gap-free feed of committed orders.

    ``seq`` is an identity column: values are assigned before the commit, so a later one can become visible first.
    Every transaction that issues orders holds a shared lock. The exclusive lock is taken at most once a second,
    because it blocks these transactions; under it the highest value is committed, and so are all lower ones.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._up_to = 0
        self._asked_at: datetime | None = None

    async def feed(self, after: int, limit: int, now: datetime) -> list[Row]:
        """Returns orders after a position, the oldest first."""
        rows = await self._db.fetch(SQL["feed"], after, self._up_to, limit)
        if len(rows) == limit or (self._asked_at is not None and now - self._asked_at < _ASKED_AGAIN):
            return rows
        async with self._db.transaction() as tx:
            await lock_exclusive(tx)
            self._up_to = int(await tx.fetchval(SQL["last_seq"]))
        self._asked_at = now
        return await self._db.fetch(SQL["feed"], after, self._up_to, limit)


async def insert(tx: Transaction, ordered: Sequence[IssueOrder], now: datetime) -> None:
    """Records new orders with their first sending."""
    await tx.execute(
        SQL["insert"],
        *columns(
            ordered,
            "revocation_id article_id order_no kind reason reinstates clock_started_at due_at revoked_at "
            "ordered_at ordered_by backlog sending_id traceparent previous_order",
        ),
        [_next(order, now) for order in ordered],
    )


async def unknown(tx: Transaction, orders: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
    """Returns the orders, by article and number, that are above the last known order of their article."""
    wanted = sorted(set(orders))
    rows = await tx.fetch(SQL["unknown"], [a for a, _ in wanted], [n for _, n in wanted])
    return {(row["article_id"], row["order_no"]) for row in rows}


async def existing(tx: Transaction, revocation_ids: Iterable[UUID]) -> set[UUID]:
    """Returns the orders that exist."""
    return {row["revocation_id"] for row in await tx.fetch(SQL["existing"], sorted(set(revocation_ids)))}


async def reinstate(tx: Transaction, revocation_id: UUID, lifted_by: str, now: datetime) -> None:
    """Records who reinstated a revocation."""
    await tx.execute(SQL["reinstate"], revocation_id, now, lifted_by)


async def close_earlier(tx: Transaction, ordered: Sequence[IssueOrder], now: datetime) -> list[UUID]:
    """Closes the orders that these replace. Returns their ids."""
    rows = await tx.fetch(SQL["close_earlier"], *columns(ordered, "article_id order_no"), now)
    return [row["revocation_id"] for row in rows]


async def lock(tx: Transaction, article_ids: Iterable[str], revocation_ids: Iterable[UUID]) -> None:
    """Locks all orders on these articles, and these orders."""
    on, these = sorted(set(article_ids)), sorted(set(revocation_ids))
    if on or these:
        await tx.execute(SQL["lock"], on, these)


async def lock_orders(tx: Transaction, revocation_ids: Iterable[UUID]) -> list[Order]:
    """Locks these orders."""
    rows = await tx.fetch(SQL["lock_orders"], sorted(set(revocation_ids)))
    return [build(Order, row, kind=Kind(row["kind"])) for row in rows]


async def lock_due(tx: Transaction, now: datetime, limit: int) -> list[Order]:
    """Locks some of the open orders that are due to be resent."""
    rows = await tx.fetch(SQL["lock_due"], now, limit)
    return [build(Order, row, kind=Kind(row["kind"])) for row in rows]


async def lock_by_order(tx: Transaction, orders: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Place]:
    """Locks orders by article and number. Missing ones are omitted."""
    wanted = sorted(set(orders))
    rows = await tx.fetch(SQL["lock_by_order"], [a for a, _ in wanted], [n for _, n in wanted])
    return {(row["article_id"], row["order_no"]): build(Place, row, kind=Kind(row["kind"])) for row in rows}


async def sent(
    tx: Transaction, orders: Sequence[Order], now: datetime, no_later: Mapping[UUID, datetime | None]
) -> None:
    """Records another sending of locked orders. The next one is due at its regular time, or at ``no_later``."""
    await tx.execute(
        SQL["sent"],
        *columns(orders, "revocation_id attempts sending_id clock_started_at due_at"),
        [_next(order, now, no_later.get(order.revocation_id)) for order in orders],
    )


async def postpone(
    tx: Transaction, orders: Sequence[Order], now: datetime, no_later: Mapping[UUID, datetime | None]
) -> None:
    """Postpones locked orders that must not be sent to any holder at present."""
    times = [_next(order, now, no_later.get(order.revocation_id)) for order in orders]
    await tx.execute(SQL["postpone"], [order.revocation_id for order in orders], times)


async def send_from(tx: Transaction, times: Mapping[UUID, datetime]) -> None:
    """Reopens locked orders; they are sent at these times at the latest."""
    await tx.execute(SQL["send_from"], list(times), list(times.values()))


def _next(order: Order, now: datetime, no_later: datetime | None = None) -> datetime:
    regular = resending.ORDERS.next_at(order.resend_from or order.ordered_at, now)
    return regular if no_later is None else min(regular, no_later)


async def close_if_complete(
    tx: Transaction, revocation_ids: Iterable[UUID], now: datetime
) -> dict[UUID, datetime]:
    """Closes the locked orders without open prompt obligations. Returns when each was ordered."""
    rows = await tx.fetch(SQL["close_if_complete"], sorted(set(revocation_ids)), now)
    return {row["revocation_id"]: row["ordered_at"] for row in rows}


async def reopen(tx: Transaction, revocation_ids: Iterable[UUID], now: datetime) -> None:
    """Reopens locked orders; they are due to be sent at once."""
    await tx.execute(SQL["reopen"], sorted(set(revocation_ids)), now)


async def lock_in_force_since(tx: Transaction, since: datetime) -> list[UUID]:
    """Locks the revocations in force that were ordered since then."""
    return [row["revocation_id"] for row in await tx.fetch(SQL["lock_in_force_since"], since)]


async def ordered_before(db: Querier, revocation_ids: Sequence[UUID | None], at: datetime) -> set[UUID]:
    """Returns the orders that were issued up to this time."""
    return {row["revocation_id"] for row in await db.fetch(SQL["ordered_before"], revocation_ids, at)}


async def reinstated_by(db: Querier, officer: str, since: datetime, limit: int) -> int:
    """Returns how many revocations this officer reinstated alone since then, at most ``limit``."""
    return int(await db.fetchval(SQL["reinstated_by"], officer, since, limit))


async def page(
    db: Querier, before: int, *, is_open: bool | None, kind: str | None, reason: str | None, limit: int
) -> list[Row]:
    """Returns orders by position, the newest first."""
    return await db.fetch(SQL["page"], before, is_open, kind, reason, limit)


async def one(db: Querier, revocation_id: UUID) -> Row | None:
    """Returns one order, for display."""
    return await db.fetchrow(SQL["one"], revocation_id)


async def of_article(db: Querier, article_id: str) -> list[Row]:
    """Returns every order on an article, in order."""
    return await db.fetch(SQL["of_article"], article_id)


async def counts(db: Querier) -> dict[str, int]:
    """Returns the number of orders: exact while the table is small, then estimated; open ones are always exact."""
    if await estimates.is_small(db, "revocation"):
        row = await db.fetchrow(SQL["counts"])
        return dict(row) if row else {}
    kinds = {f"revocation_{kind}": kind for kind in ("reinstated", "withheld", "backlog")}
    found = await estimates.rows(db, ["revocation", *kinds])
    counted = {kind: found[index] for index, kind in kinds.items()}
    revoked = found["revocation"] - counted["reinstated"] - counted["withheld"]
    return {"revoked": max(0, revoked)} | counted | {"open": int(await db.fetchval(SQL["open_count"]))}


async def history(db: Querier, start: datetime, end: datetime, now: datetime, limit: int) -> list[Row]:
    """Returns orders per day, the newest day first."""
    return await db.fetch(SQL["history"], start, end, now, limit)
