"""Obligations. Lock the rows of their orders first, both in the order of their ids."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import orjson

from clawback_common.alerts.condition import Condition
from clawback_common.postgres import Querier, Queries, Transaction, estimates
from clawback_common.postgres.pool import Row
from clawback_common.postgres.rows import build, columns
from clawback_contracts import resending
from clawback_contracts.holder.v1 import HolderKind
from compliance.domain.condition import AT_RISK_SHARE, Lateness
from compliance.domain.condition import still_held as still_held_of
from compliance.domain.holder import PUBLISHER
from compliance.domain.obligation import Obligation, State
from compliance.domain.order import Order
from compliance.storage.revocations import Place

SQL = Queries.load(__package__, "obligations")
_SLICE = 5_000


@dataclass(frozen=True, slots=True)
class Claim:
    """An article that a holder reported as removed, and the address for the holdings check."""

    holder: str
    kind: HolderKind
    holdings_url: str | None
    revocation_id: UUID
    article_id: str


@dataclass(frozen=True, slots=True)
class OpenHolders:
    """The holders that have not closed an order."""

    due: tuple[str, ...] = ()
    """Holders to which the order may be sent now."""
    next_at: datetime | None = None
    """When the order may be sent to the next of the other holders."""


async def open_all(
    tx: Transaction, revocation_ids: Iterable[UUID], now: datetime, holder: str | None = None
) -> list[UUID]:
    """Creates obligations of all active holders, or of one, for these orders. Returns orders with a new one."""
    rows = await tx.fetch(SQL["open"], sorted(set(revocation_ids)), now, holder, PUBLISHER)
    return [row["revocation_id"] for row in rows]


async def supersede(tx: Transaction, revocation_ids: Iterable[UUID], now: datetime) -> None:
    """Closes the open obligations of these orders, because a later order replaced them."""
    await tx.execute(SQL["supersede"], sorted(set(revocation_ids)), now)


async def update_due(tx: Transaction, orders: Sequence[Order], now: datetime) -> None:
    """Moves the due times of open obligations to an earlier time if the orders became due earlier."""
    await tx.execute(SQL["update_due"], *columns(orders, "revocation_id due_at"), now)


async def lock(tx: Transaction, wanted: Iterable[tuple[Place, str]]) -> dict[tuple[UUID, str], Obligation]:
    """Locks obligations by order and holder. Missing ones are omitted."""
    places = {place.revocation_id: place for place, _ in wanted}
    keys = sorted({(place.revocation_id, holder) for place, holder in wanted})
    rows = await tx.fetch(SQL["lock"], [order for order, _ in keys], [holder for _, holder in keys])
    return {
        (row["revocation_id"], row["holder"]): _obligation(row, places[row["revocation_id"]]) for row in rows
    }


async def save(tx: Transaction, obligations: Sequence[Obligation], now: datetime) -> None:
    """Writes locked obligations."""
    await tx.execute(
        SQL["save"],
        *columns(
            obligations,
            "revocation_id holder state attempts notified_at removed_at verified_at superseded_at",
        ),
        [_json(o.answers) for o in obligations],
        [None if o.evidence is None else _json(o.evidence) for o in obligations],
        now,
    )


async def notified(db: Querier, now: datetime) -> None:
    """Marks obligations whose orders the broker confirmed."""
    await db.execute(SQL["notified"], now)


async def claims(db: Querier, now: datetime, limit: int, busy: Iterable[str] = ()) -> list[Claim]:
    """Returns the removals to verify now, at most ``limit`` per holder, without those of ``busy`` holders."""
    rows = await db.fetch(SQL["claims"], now, limit, list(busy))
    return [build(Claim, row, kind=HolderKind(row["kind"])) for row in rows]


async def verify(
    tx: Transaction, holder: str, evidence: Mapping[UUID, Mapping[str, object]], now: datetime
) -> list[datetime]:
    """Closes verified obligations with the evidence of each order. Returns when each was opened."""
    rows = await tx.fetch(
        SQL["verify"], holder, list(evidence), [_json(one) for one in evidence.values()], now
    )
    if holder == PUBLISHER:
        await tx.execute(SQL["start_expiry"], list(evidence), now, PUBLISHER)
    return [row["opened_at"] for row in rows]


async def unverifiable(tx: Transaction, limit: int) -> list[tuple[UUID, str]]:
    """Returns answered obligations whose holders can no longer be asked, as order and holder."""
    return [(row["revocation_id"], row["holder"]) for row in await tx.fetch(SQL["unverifiable"], limit)]


async def close_unverifiable(tx: Transaction, found: Sequence[tuple[UUID, str]], now: datetime) -> list[UUID]:
    """Closes them by the holder's own statement, if that still applies. Returns the orders concerned."""
    rows = await tx.fetch(
        SQL["close_unverifiable"], [order for order, _ in found], [name for _, name in found], now
    )
    return [row["revocation_id"] for row in rows]


async def reopen(
    tx: Transaction, holder: str, revocation_ids: Sequence[UUID], now: datetime
) -> dict[UUID, datetime]:
    """Reopens obligations of articles that are still held. Returns the orders and when each is resent."""
    rows = await tx.fetch(SQL["reopen"], holder, revocation_ids, now, resending.ORDERS.delays)
    return {row["revocation_id"]: row["resend_at"] for row in rows}


async def unanswered(db: Querier, holder: str, limit: int) -> list[UUID]:
    """Returns the orders that a holder has not answered, the most urgent first."""
    return [row["revocation_id"] for row in await db.fetch(SQL["unanswered"], holder, limit)]


async def resend(tx: Transaction, holder: str, revocation_ids: Sequence[UUID], now: datetime) -> list[UUID]:
    """Ends the delay before these orders are resent to a holder. Returns the orders that are still unanswered."""
    rows = await tx.fetch(SQL["resend"], holder, revocation_ids, now)
    return [row["revocation_id"] for row in rows]


async def open_holders(tx: Querier, revocation_ids: Sequence[UUID], now: datetime) -> dict[UUID, OpenHolders]:
    """Returns the holders that have not closed these orders."""
    rows = await tx.fetch(SQL["open_holders"], revocation_ids, now)
    return {row["revocation_id"]: OpenHolders(tuple(row["due"]), row["next_at"]) for row in rows}


async def still_held(db: Querier) -> list[Condition]:
    """Returns a condition per holder that held articles after reporting their removal and is not verified since."""
    return [still_held_of(row["holder"], row["articles"]) for row in await db.fetch(SQL["still_held"])]


async def postpone_check(tx: Querier, holder: str, revocation_ids: Sequence[UUID], at: datetime) -> None:
    """Postpones the check: the holder answered ``unknown``, or is unreliable at present."""
    await tx.execute(SQL["postpone_check"], holder, revocation_ids, at)


async def expire(db: Querier, now: datetime) -> int:
    """Closes the obligations whose copies were deleted by age. Returns how many."""
    closed = 0
    while True:
        some = int((await db.execute(SQL["expire"], now, _SLICE)).rsplit(" ", 1)[-1])
        closed += some
        if some < _SLICE:
            return closed


async def lateness(db: Querier, now: datetime) -> list[Lateness]:
    """Returns the lateness of each holder's prompt obligations; holders without obligations are omitted."""
    rows = await db.fetch(SQL["lateness"], now, AT_RISK_SHARE)
    return [build(Lateness, row) for row in rows]


async def open_by_holder(db: Querier) -> list[Row]:
    """Returns open obligations by holder, kind of order and state; a holder without any has one row without a kind."""
    return await db.fetch(SQL["open_by_holder"])


async def overdue(
    db: Querier, now: datetime, after: tuple[datetime, UUID, str], holder: str | None, limit: int
) -> list[Row]:
    """Returns obligations past their due date, the oldest first, after a position."""
    return await db.fetch(SQL["overdue"], now, *after, holder, limit)


async def of_revocations(db: Querier, revocation_ids: Sequence[UUID]) -> list[Row]:
    """Returns all obligations of these orders."""
    return await db.fetch(SQL["of_revocations"], revocation_ids)


async def open_of_holder(db: Querier, holder: str, after: tuple[datetime, UUID], limit: int) -> list[Row]:
    """Returns a holder's open obligations, the most urgent first, after a position."""
    return await db.fetch(SQL["open_of_holder"], holder, *after, limit)


async def open_sums(db: Querier, names: Sequence[str], now: datetime) -> dict[str, Row]:
    """Returns the totals of these holders, by name: ``open``, ``overdue``, ``oldest_at``, ``next_due_at``."""
    return {row["holder"]: row for row in await db.fetch(SQL["open_sums"], names, now)}


async def open_prompt(db: Querier) -> int:
    """Returns how many obligations of all orders are open, without those that are closed by time."""
    return int(await db.fetchval(SQL["open_prompt"]))


async def unclosed_of_holder(db: Querier, holder: str) -> int:
    """Returns how many obligations of a holder are open."""
    return int(await db.fetchval(SQL["unclosed_of_holder"], holder))


class StateCount(NamedTuple):
    """The number of obligations in a state."""

    by_time: bool
    """Obligations of holders of the kind expiry."""
    state: str
    obligations: int


async def counts(db: Querier) -> list[StateCount]:
    """Returns obligations by state: open ones exactly, the others estimated if the table is large."""
    if await estimates.is_small(db, "obligation"):
        return [StateCount(*row) for row in await db.fetch(SQL["counts"])]
    unclosed = [StateCount(*row) for row in await db.fetch(SQL["unclosed_counts"])]
    found = await estimates.rows(db, ("obligation", "obligation_superseded", "obligation_expired"))
    superseded, expired = found["obligation_superseded"], found["obligation_expired"]
    verified = found["obligation"] - superseded - expired - sum(one.obligations for one in unclosed)
    return [
        *unclosed,
        StateCount(by_time=False, state="superseded", obligations=superseded),
        StateCount(by_time=False, state="verified", obligations=max(0, verified)),
        StateCount(by_time=True, state="verified", obligations=expired),
    ]


def _json(value: Mapping[str, object]) -> str:
    return orjson.dumps(value).decode()


def _obligation(row: Row, place: Place) -> Obligation:
    return build(
        Obligation,
        row,
        kind=HolderKind(row["kind"]),
        order_kind=place.kind,
        superseded=place.superseded,
        copy_kinds=tuple(row["copy_kinds"]),
        state=State(row["state"]),
        answers=orjson.loads(row["answers"]),
        evidence=orjson.loads(row["evidence"]) if row["evidence"] else None,
    )
