"""Holders and the history of their registrations."""

from collections.abc import Iterable
from datetime import datetime

import orjson

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_contracts.holder.v1 import HolderRegistration
from clawback_contracts.signatures import public_key

SQL = Queries.load(__package__, "holders")
CHANGES_MAX = 500
"""Changes of a holder that are listed."""
_LOCK = 0x686F6C64


async def lock_shared(tx: Transaction) -> None:
    """Takes the shared lock: no holder is registered or removed until the transaction ends."""
    await tx.execute(SQL["lock_shared"], _LOCK)


async def lock_exclusive(tx: Transaction) -> None:
    """Takes the exclusive lock: no order is issued until the transaction ends; waits for running issuers."""
    await tx.execute(SQL["lock_exclusive"], _LOCK)


async def save(
    tx: Transaction, registration: HolderRegistration, changed_by: str, change: str, now: datetime
) -> int:
    """Registers a holder or changes its registration. Returns the number of the change."""
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
        registration.content_retention_h,
        now,
        changed_by,
        orjson.dumps(registration.signing_keys).decode(),
    )
    return await _changed(tx, registration.name, changed_by, change, registration.model_dump_json(), now)


async def resent(tx: Transaction, name: str, changed_by: str, now: datetime) -> None:
    """Records who had a holder's open orders resent."""
    await _changed(tx, name, changed_by, "resent", "{}", now)


async def leave(tx: Transaction, name: str, changed_by: str, now: datetime) -> int:
    """Removes a holder: it gets no new obligations, its open ones stay. Returns the number of the change."""
    await tx.execute(SQL["leave"], name, now)
    return await _changed(tx, name, changed_by, "left", "{}", now)


async def _changed(
    tx: Transaction, name: str, changed_by: str, change: str, registration: str, now: datetime
) -> int:
    return int(await tx.fetchval(SQL["changed"], name, now, changed_by, change, registration))


async def one(db: Querier, name: str) -> Row | None:
    """Returns a holder, also a removed one."""
    return await db.fetchrow(SQL["one"], name)


async def registered(db: Querier, names: Iterable[str]) -> set[str]:
    """Returns the names that belong to a holder, also a removed one."""
    return {row["name"] for row in await db.fetch(SQL["registered"], sorted(names))}


async def page(db: Querier, after: str, *, left_too: bool, limit: int) -> list[Row]:
    """Returns holders by name."""
    return await db.fetch(SQL["page"], after, left_too, limit)


async def changes(db: Querier, name: str) -> list[Row]:
    """Returns the last changes of a holder, the oldest first, at most one more than `CHANGES_MAX`."""
    return (await db.fetch(SQL["changes"], name, CHANGES_MAX + 1))[::-1]


async def active(db: Querier) -> list[str]:
    """Returns the names of the active holders."""
    return [row["name"] for row in await db.fetch(SQL["active"])]


async def groups(db: Querier) -> set[str]:
    """Returns the consumer groups of the active holders."""
    return {row["consumer_group"] for row in await db.fetch(SQL["groups"])}


async def of_group(db: Querier, group: str) -> str | None:
    """Returns the active holder with this consumer group."""
    found: str | None = await db.fetchval(SQL["of_group"], group)
    return found


async def signing_keys(db: Querier, names: Iterable[str]) -> dict[str, dict[str, bytes]]:
    """Returns the public keys of these holders, by name and key id."""
    rows = await db.fetch(SQL["signing_keys"], sorted(set(names)))
    return {
        row["name"]: {key_id: public_key(text) for key_id, text in orjson.loads(row["signing_keys"]).items()}
        for row in rows
    }


def registration(row: Row) -> HolderRegistration:
    """Returns the last registration of a holder."""
    documents = {name: orjson.loads(row[name]) for name in ("filter", "signing_keys")}
    return HolderRegistration.model_validate({**row, **documents, "group": row["consumer_group"]})
