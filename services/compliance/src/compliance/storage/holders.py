"""Who can hold a copy, and how that changed."""

from collections.abc import Iterable
from datetime import datetime

import orjson

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_contracts.holder.v1 import HolderRegistration
from clawback_contracts.signatures import public_key

SQL = Queries.load(__package__, "holders")
CHANGES_MAX = 500
"""Changes of a holder that are shown."""
_LOCK = 0x686F6C64


async def lock_shared(tx: Transaction) -> None:
    """No holder joins or leaves until this transaction ends."""
    await tx.execute(SQL["lock_shared"], _LOCK)


async def lock_exclusive(tx: Transaction) -> None:
    """Nobody gives an order until this transaction ends; waits for those who are about it."""
    await tx.execute(SQL["lock_exclusive"], _LOCK)


async def save(
    tx: Transaction, registration: HolderRegistration, changed_by: str, change: str, now: datetime
) -> int:
    """Registers a holder, or changes what it registered with. Gives the number of the change."""
    url = registration.holdings_url
    await tx.execute(
        SQL["save"],
        registration.name,
        registration.kind.value,
        registration.group,
        registration.purpose,
        registration.filter.model_dump_json(),
        list(registration.copy_kinds),
        str(url) if url else None,
        registration.contact,
        registration.forgets_after_h,
        now,
        changed_by,
        orjson.dumps(registration.signing_keys).decode(),
    )
    return await _changed(tx, registration.name, changed_by, change, registration.model_dump_json(), now)


async def resent(tx: Transaction, name: str, changed_by: str, now: datetime) -> None:
    """Records who had what it owes sent again."""
    await _changed(tx, name, changed_by, "resent", "{}", now)


async def leave(tx: Transaction, name: str, changed_by: str, now: datetime) -> int:
    """It holds nothing any more that is given out from now on; what it owes it still owes."""
    await tx.execute(SQL["leave"], name, now)
    return await _changed(tx, name, changed_by, "left", "{}", now)


async def _changed(
    tx: Transaction, name: str, changed_by: str, change: str, registration: str, now: datetime
) -> int:
    return int(await tx.fetchval(SQL["changed"], name, now, changed_by, change, registration))


async def one(db: Querier, name: str) -> Row | None:
    """A holder, also one that left."""
    return await db.fetchrow(SQL["one"], name)


async def registered(db: Querier, names: Iterable[str]) -> set[str]:
    """Those of the names that are a holder's, also one that left."""
    return {row["name"] for row in await db.fetch(SQL["registered"], sorted(names))}


async def page(db: Querier, after: str, *, left_too: bool, limit: int) -> list[Row]:
    """Holders by name."""
    return await db.fetch(SQL["page"], after, left_too, limit)


async def changes(db: Querier, name: str) -> list[Row]:
    """The last changes of a holder, the oldest first, at most one more than `CHANGES_MAX`."""
    return (await db.fetch(SQL["changes"], name, CHANGES_MAX + 1))[::-1]


async def active(db: Querier) -> list[str]:
    """The names of those that are active."""
    return [row["name"] for row in await db.fetch(SQL["active"])]


async def groups(db: Querier) -> set[str]:
    """The consumer groups of the holders that are active."""
    return {row["consumer_group"] for row in await db.fetch(SQL["groups"])}


async def of_group(db: Querier, group: str) -> str | None:
    """The active holder that consumes with this group."""
    found: str | None = await db.fetchval(SQL["of_group"], group)
    return found


async def signing_keys(db: Querier, names: Iterable[str]) -> dict[str, dict[str, bytes]]:
    """The public keys of these holders, by name and by key id."""
    rows = await db.fetch(SQL["signing_keys"], sorted(set(names)))
    return {
        row["name"]: {key_id: public_key(text) for key_id, text in orjson.loads(row["signing_keys"]).items()}
        for row in rows
    }


def registration(row: Row) -> HolderRegistration:
    """What a holder registered with last."""
    return HolderRegistration.model_validate(
        {
            "name": row["name"],
            "kind": row["kind"],
            "group": row["consumer_group"],
            "purpose": row["purpose"],
            "filter": orjson.loads(row["filter"]),
            "copy_kinds": row["copy_kinds"],
            "holdings_url": row["holdings_url"],
            "contact": row["contact"],
            "forgets_after_h": row["forgets_after_h"],
            "signing_keys": orjson.loads(row["signing_keys"]),
        }
    )
