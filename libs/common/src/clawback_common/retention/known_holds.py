"""The legal holds that an owner has received, in requests and in changes of holds."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import orjson

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.retention.holds import is_empty_span
from clawback_contracts.sweep.v1 import EndedHold, Hold

SQL = Queries.load(__package__, "known_holds")
SCOPE = ("article_ids", "dated_from", "dated_until")


async def update(
    tx: Transaction, data_class: str, holds: Sequence[Hold], ended: Sequence[EndedHold], now: datetime
) -> None:
    """Store the holds of a class, and end those that two people ended."""
    sound = [one for one in holds if not is_empty_span(one)]
    if sound and await _save(tx, data_class, sound, now):
        await tx.execute(SQL["release"], data_class)
    if ended:
        await tx.execute(
            SQL["end"],
            data_class,
            [one.hold_id for one in ended],
            [one.ended_by[0] for one in ended],
            [one.ended_by[1] if len(one.ended_by) > 1 else None for one in ended],
            [one.ended_at for one in ended],
        )


async def _save(tx: Transaction, data_class: str, holds: Sequence[Hold], now: datetime) -> bool:
    """Return whether any of them was unknown, or known as ended."""
    once = list({one.hold_id: one for one in holds}.values())
    rows = await tx.fetch(
        SQL["save"],
        data_class,
        [one.hold_id for one in once],
        [orjson.dumps(one.model_dump(mode="json", include=set(SCOPE))).decode() for one in once],
        [one.placed_by for one in once],
        [one.confirmed_by for one in once],
        now,
    )
    return any(row["new"] for row in rows)


async def omitted(db: Querier, data_class: str, holds: Iterable[Hold]) -> list[Hold]:
    """Return the holds in force that are missing from these, or have another scope there."""
    named = {one.hold_id: one for one in holds}
    known = [
        Hold(
            hold_id=row["hold_id"],
            placed_by=row["placed_by"],
            confirmed_by=row["confirmed_by"],
            **orjson.loads(row["scope"]),
        )
        for row in await db.fetch(SQL["in_force"], data_class)
    ]
    return [one for one in known if one.hold_id not in named or _scope(named[one.hold_id]) != _scope(one)]


def _scope(hold: Hold) -> tuple[object, ...]:
    return frozenset(hold.article_ids), hold.dated_from, hold.dated_until


async def purge(db: Querier, before: datetime) -> None:
    """Delete a slice of the holds that ended before then."""
    await db.execute(SQL["purge"], before)
