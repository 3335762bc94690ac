"""The policies of the worker that started last; other processes compare theirs with them."""

from collections.abc import Iterable
from datetime import datetime

from clawback_common.postgres import Querier, Queries
from retention.domain.policy import Policy

SQL = Queries.load(__package__, "policies")


async def save(db: Querier, policies: Iterable[Policy], now: datetime) -> None:
    """Saves the policies that are in force from now on."""
    terms = {policy.data_class: policy.terms for policy in policies}
    await db.execute(SQL["save"], list(terms), list(terms.values()), now)


async def in_force(db: Querier) -> dict[str, str]:
    """Returns the terms by class; empty if no worker ever started."""
    return {row["data_class"]: row["terms"] for row in await db.fetch(SQL["in_force"])}
