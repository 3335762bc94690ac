"""Maintenance of tables: vacuum, analyze, reindex, with size and bloat before and after."""

from collections.abc import Sequence
from typing import Any

from clawback_common.postgres import Database, Querier, Queries
from clawback_contracts.sweep.v1 import Action, TableSize

SQL = Queries.load(__package__, "sizes")
_S_MAX = 6 * 3_600.0
"""A large table takes long, which is harmless: none of the three blocks readers or writers."""
_COMMANDS = {
    Action.VACUUM: "VACUUM (ANALYZE) {}",
    Action.ANALYZE: "ANALYZE {}",
    Action.REINDEX: "REINDEX TABLE CONCURRENTLY {}",
}
_INSIDE = "SELECT least(1, (dead_tuple_percent + approx_free_percent) / 100) FROM pgstattuple_approx($1::oid)"


async def run_maintenance(
    db: Database, tables: Sequence[str], action: Action, *, dry_run: bool = False
) -> list[TableSize]:
    """Run the action on each table, partition by partition; a dry run only measures.

    Returns:
        Bytes, including indexes and TOAST. Bloat from the pages where ``pgstattuple`` is installed, else from the
        statistics.

    Raises:
        Transient: the database does not respond, or another session held a lock for too long.
    """
    leaves = await db.fetch(SQL["leaves"], tables)
    before = await _sizes(db, [leaf["table_oid"] for leaf in leaves])
    if not dry_run:
        async with db.session() as connection:  # none of these runs in a transaction
            for leaf in leaves:
                await _do(connection, leaf["table_oid"], leaf["name"], action)
    after = await _sizes(db, [leaf["table_oid"] for leaf in leaves])
    return [
        TableSize(
            table=leaf["name"],
            bytes_before=before[leaf["table_oid"]][0],
            bloat_before=before[leaf["table_oid"]][1],
            bytes_after=after[leaf["table_oid"]][0],
            bloat_after=after[leaf["table_oid"]][1],
        )
        for leaf in leaves
        if leaf["table_oid"] in before and leaf["table_oid"] in after
    ]


async def _do(connection: Any, table: int, name: str, action: Action) -> None:
    if action is Action.REINDEX:
        for index in await connection.fetch(SQL["unfinished_indexes"], [table]):
            await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index['name']}", timeout=_S_MAX)
    await connection.execute(_COMMANDS[action].format(name), timeout=_S_MAX)


async def _sizes(db: Querier, tables: Sequence[int]) -> dict[int, tuple[int, float]]:
    """Return bytes and bloat, by table."""
    found = {row["table_oid"]: (row["bytes"], row["bloat"]) for row in await db.fetch(SQL["sizes"], tables)}
    if await db.fetchval(SQL["can_look_inside"]):
        for table, (size, _) in found.items():
            found[table] = size, float(await db.fetchval(_INSIDE, table) or 0)
    return found
