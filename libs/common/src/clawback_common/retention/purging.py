"""Rows that end by age alone, in every service: deleted in slices, each found by an index."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from clawback_common.errors import ClawbackError
from clawback_common.postgres import Database

SLICE = 5_000
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Aged:
    """Rows of a table that are deleted when they are old. Names are ours, and become SQL as they are."""

    table: str
    dated_by: str
    """An index begins with this column."""
    kept: timedelta
    only: str = "true"
    """Which rows may be deleted at all; the condition of the index, where it is a partial one."""

    @property
    def sql(self) -> str:
        """Deletes a slice, the oldest first. By ctid, so that no plan ever reads the whole table."""
        return (
            f"DELETE FROM {self.table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {self.table} "  # noqa: S608
            f"WHERE {self.dated_by} < $1 AND {self.only} ORDER BY {self.dated_by} LIMIT $2))"
        )


YEAR = timedelta(days=365)
SENT_KEPT = timedelta(days=30)
"""What was sent, and who received it."""
COMMON = (
    Aged("outbox_orders", "sent_at", SENT_KEPT, "sent_at IS NOT NULL"),
    Aged("outbox_orders", "queued_at", YEAR, "set_aside IS NOT NULL"),
    Aged("outbox_news", "sent_at", SENT_KEPT, "sent_at IS NOT NULL"),
    Aged("outbox_news", "queued_at", YEAR, "set_aside IS NOT NULL"),
    Aged("inbox", "received_at", timedelta(days=31)),
    Aged("incident", "closed_at", YEAR, "closed_at IS NOT NULL"),
)
"""A closed incident says who closed it."""
QUARANTINE = Aged("quarantine", "set_aside_at", YEAR, "purge_at IS NULL")
"""The fact that a record was refused; its bytes are deleted earlier."""
WATCHES = Aged("watch", "resolved_at", YEAR, "resolved_at IS NOT NULL")


async def purge(db: Database, aged: Sequence[Aged], now: datetime) -> None:
    """Deletes what is old, slice after slice. A table that fails is reported, and stops no other."""
    for one in aged:
        try:
            while (await db.execute(one.sql, now - one.kept, SLICE)).endswith(f" {SLICE}"):
                pass
        except ClawbackError as error:
            _log.warning("old rows are not deleted", table=one.table, error=error)
