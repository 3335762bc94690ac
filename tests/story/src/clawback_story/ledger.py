"""Reads notices, orders, obligations, answers and runs from compliance's database."""

import orjson

from clawback_story.evidence import Ledger, Notice, Obligation, Order
from clawback_story.world import World

ORDERS = """
SELECT revocation_id, article_id, order_no, kind, reason, clock_started_at, due_at, revoked_at, ordered_at, closed_at
FROM revocation ORDER BY seq
"""
OBLIGATIONS = """
SELECT revocation_id, holder, kind, state, due_at, removed_at, verified_at, evidence FROM obligation
"""
NOTICES = "SELECT article_id, noticed_by, noticed_at, earliest_at, revocation_id FROM notice"
TIMES = """
SELECT o.holder, o.kind, count(*) AS opened, count(o.removed_at) AS removed,
       count(*) FILTER (WHERE o.state = 'verified') AS verified,
       count(*) FILTER (WHERE o.state = 'superseded') AS superseded,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY took.seconds) AS p50_s,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY took.seconds) AS p99_s,
       max(took.seconds) AS max_s
FROM obligation AS o
JOIN revocation AS r USING (revocation_id)
CROSS JOIN LATERAL (SELECT min(noticed_at) AS at FROM notice WHERE revocation_id = r.revocation_id) AS noticed
CROSS JOIN LATERAL (SELECT extract(epoch FROM o.verified_at - noticed.at)::float8 AS seconds) AS took
WHERE r.kind = 'revoked'
GROUP BY o.holder, o.kind ORDER BY o.kind DESC, o.holder
"""


async def read(world: World) -> Ledger:
    """Reads everything."""
    return Ledger(
        orders=tuple(Order(**row) for row in await world.rows("compliance", ORDERS)),
        obligations=tuple(
            Obligation(
                row["revocation_id"],
                row["holder"],
                row["kind"],
                row["state"],
                row["due_at"],
                row["removed_at"],
                row["verified_at"],
                orjson.loads(row["evidence"]).get("how") if row["evidence"] else None,
            )
            for row in await world.rows("compliance", OBLIGATIONS)
        ),
        notices=tuple(Notice(**row) for row in await world.rows("compliance", NOTICES)),
        receipts=frozenset(
            tuple(row)
            for row in await world.rows("compliance", "SELECT article_id, order_no, holder FROM receipt")
        ),
        runs=tuple(
            row["state"]
            for row in await world.rows("compliance", "SELECT state FROM run ORDER BY requested_at")
        ),
        holders={
            row["name"]: row["kind"]
            for row in await world.rows("compliance", "SELECT name, kind FROM holder")
        },
        found_something=await world.value(
            "compliance", "SELECT count(*) FROM run WHERE state = 'completed' AND noticed > 0"
        ),
    )


async def by_holder(world: World) -> list[str]:
    """Returns the table of holders, one line each: obligations, and seconds from notice to closed."""
    lines = [_line("holder", "opened", "removed", "verified", "notice to closed: p50     p99       max")]
    for row in await world.rows("compliance", TIMES):
        if row["kind"] == "expiry":
            lines.append(
                _line(row["holder"], row["opened"], "-", "-", "expires by age; closed by the health check")
            )
            continue
        times = "".join(f"{row[name] or 0:>8.2f} s" for name in ("p50_s", "p99_s", "max_s"))
        superseded = f"  ({row['superseded']} superseded)" if row["superseded"] else ""
        text = f"{'':<13}{times}{superseded}"
        lines.append(_line(row["holder"], row["opened"], row["removed"], row["verified"], text))
    return lines


def _line(holder: str, opened: object, removed: object, verified: object, times: str) -> str:
    return f"  {holder:<10} {opened:>8} {removed:>8} {verified:>9}   {times}"
