"""Row counts without reading the rows: PostgreSQL's estimates, which VACUUM and ANALYZE maintain."""

from collections.abc import Sequence

from clawback_common.postgres.pool import Querier
from clawback_common.postgres.queries import Queries

SQL = Queries.load("clawback_common.postgres", "estimates")
EXACT_BYTES_MAX = 4 * 2**20
"""Tables up to this size are counted exactly, in a hundredth of a second."""


async def is_small(db: Querier, table: str) -> bool:
    """Return whether a table, with its partitions, is small enough to be counted exactly and often."""
    return int(await db.fetchval(SQL["bytes"], table)) <= EXACT_BYTES_MAX


async def rows(db: Querier, relations: Sequence[str]) -> dict[str, int]:
    """Estimate the rows of tables or partial indexes, with their partitions; 0 before the first ANALYZE."""
    return {row["name"]: row["rows"] for row in await db.fetch(SQL["rows"], relations)}
