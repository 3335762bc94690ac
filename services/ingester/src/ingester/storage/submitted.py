"""Submitted records with their outcome; kept for 30 days."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.rows import build, columns
from ingester.domain.submission import Outcome, SubmissionStanding

SQL = Queries.load(__package__, "submitted")


class Submitted(NamedTuple):
    """A record with its outcome."""

    event_id: str
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


async def save(tx: Transaction, source: str, records: Sequence[Submitted], now: datetime) -> None:
    """Records the outcome of each record; of a record that occurs twice, that it was stored.

    Args:
        tx: The transaction.
        source: The topic, ``http:<subject>`` or ``webhook:<provider>`` from which all of them came.
        records: The records.
        now: The time.
    """
    if not records:
        return
    by_id: dict[str, Submitted] = {}
    for one in records:
        if one.event_id not in by_id or one.outcome is Outcome.STORED:
            by_id[one.event_id] = one
    rows = columns(by_id.values(), "event_id article_id outcome version")
    await tx.execute(SQL["save"], source, *rows, now)


async def find(db: Querier, event_id: str) -> list[Found]:
    """Returns the records with this id, from any source, the newest first."""
    return [
        build(
            Found,
            row,
            outcome=Outcome(row["outcome"]),
            standing=build(SubmissionStanding, row) if row["state"] else None,
        )
        for row in await db.fetch(SQL["find"], event_id)
    ]
