"""Alerts by fingerprint."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import orjson

from alerting.domain.alert import Alert
from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_common.postgres.rows import build, columns
from clawback_contracts.alert.v1 import Severity

SQL = Queries.load(__package__, "alerts")


async def lock_or_create(tx: Transaction, fingerprints: Iterable[str], now: datetime) -> dict[str, Alert]:
    """Locks each alert; creates the rows that do not exist."""
    rows = await tx.fetch(SQL["lock_or_create"], sorted(set(fingerprints)), now)
    return {row["fingerprint"]: alert_of(row) for row in rows}


async def lock_existing(tx: Transaction, fingerprints: Iterable[str]) -> dict[str, Alert]:
    """Locks the alerts that exist."""
    rows = await tx.fetch(SQL["lock_existing"], sorted(set(fingerprints)))
    return {row["fingerprint"]: alert_of(row) for row in rows}


async def save(tx: Transaction, alerts: Sequence[Alert]) -> None:
    """Saves locked alerts."""
    if not alerts:
        return
    await tx.execute(
        SQL["save"],
        *columns(alerts, "fingerprint name service severity summary"),
        [orjson.dumps(dict(one.labels)).decode() for one in alerts],
        *columns(
            alerts,
            "is_event status occurrence count first_at last_at resolved_at resolved_by acknowledged_at "
            "acknowledged_by acknowledged_note listed",
        ),
    )


async def firing(db: Querier, after: str, limit: int) -> list[str]:
    """Returns a page of the fingerprints of firing alerts, in their order."""
    return [row["fingerprint"] for row in await db.fetch(SQL["firing"], after, limit)]


async def firing_of_name(db: Querier, name: str, silent_since: datetime) -> list[str]:
    """Returns the fingerprints of firing alerts of this name that were not raised since."""
    return [row["fingerprint"] for row in await db.fetch(SQL["firing_of_name"], name, silent_since)]


async def not_listed(
    db: Querier, service: str, listed: Sequence[str], silent_since: datetime, limit: int
) -> list[str]:
    """Returns the fingerprints of a service's listed alerts that fire, are unlisted and were not raised since."""
    rows = await db.fetch(SQL["not_listed"], service, listed, silent_since, limit)
    return [row["fingerprint"] for row in rows]


async def page(
    db: Querier,
    before: tuple[datetime, str],
    *,
    status: str | None,
    severity: str | None,
    name: str | None,
    limit: int,
) -> list[Alert]:
    """Returns a page of alerts, the latest raised first."""
    rows = await db.fetch(SQL["page"], *before, status, severity, name, limit)
    return [alert_of(row) for row in rows]


async def one(db: Querier, fingerprint: str) -> Alert | None:
    """Returns one alert."""
    row = await db.fetchrow(SQL["one"], fingerprint)
    return alert_of(row) if row else None


async def firing_counts(db: Querier) -> dict[str, int]:
    """Returns the number of firing alerts, by severity."""
    return {row["severity"]: row["firing"] for row in await db.fetch(SQL["firing_counts"])}


def alert_of(row: Row) -> Alert:
    """Converts a row."""
    return build(Alert, row, labels=orjson.loads(row["labels"]), severity=Severity(row["severity"]))
