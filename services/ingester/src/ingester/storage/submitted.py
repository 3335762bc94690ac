"""Submitted records with their outcome; kept for 30 days."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.rows import columns
from ingester.domain.article import Origin
from ingester.domain.submission import Outcome, SubmissionStanding

SQL = Queries.load(__package__, "submitted")


class Submitted(NamedTuple):
    """A record with its outcome."""

    origin: Origin
    article_id: str
    outcome: Outcome
    version: int | None
    """The article's version; None if it has no row."""


class Found(NamedTuple):
    """A queried record, with the present state of its article."""

    source: str
    article_id: str
    outcome: Outcome
    version: int | None
    received_at: datetime
    standing: SubmissionStanding | None
    """None: the article has no row, because it was too old."""


async def save(tx: Transaction, records: Sequence[Submitted], now: datetime) -> None:
    """Records the outcome of each record; of a record that occurs twice, that it was stored."""
    if not records:
        return
    by_origin: dict[Origin, Submitted] = {}
    for one in records:
        if one.origin not in by_origin or one.outcome is Outcome.STORED:
            by_origin[one.origin] = one
    rows = list(by_origin.values())
    await tx.execute(
        SQL["save"],
        *columns(rows, "origin.event_id origin.source article_id outcome version"),
        now,
    )


async def find(db: Querier, event_id: str) -> list[Found]:
    """Returns the records with this id, from any source, the newest first."""
    return [
        Found(
            row["source"],
            row["article_id"],
            Outcome(row["outcome"]),
            row["version"],
            row["received_at"],
            SubmissionStanding(row["state"], row["waiting"], row["noticed"], row["failed"])
            if row["state"]
            else None,
        )
        for row in await db.fetch(SQL["find"], event_id)
    ]
