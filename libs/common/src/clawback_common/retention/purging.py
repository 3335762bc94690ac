"""Rows that expire by age alone, in every service: deleted in slices, each found by an index."""

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
    """Rows of a table that are deleted when they are old. Names are constants and are part of the SQL."""

    table: str
    dated_by: str
    """The first column of an index."""
    kept: timedelta
    only: str = "true"
    """The rows that may be deleted at all; the condition of the index, if it is partial."""

    @property
    def sql(self) -> str:
        """The statement that deletes a slice, oldest first. By ctid, so that no plan ever reads the whole table."""
        return (
            f"DELETE FROM {self.table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {self.table} "  # noqa: S608
            f"WHERE {self.dated_by} < $1 AND {self.only} ORDER BY {self.dated_by} LIMIT $2))"
        )


YEAR = timedelta(days=365)
SENT_KEPT = timedelta(days=30)
"""How long sent messages and received event ids are kept."""
COMMON = (
    Aged("outbox_priority", "sent_at", SENT_KEPT, "sent_at IS NOT NULL"),
    Aged("outbox_priority", "queued_at", YEAR, "set_aside IS NOT NULL"),
    Aged("outbox_bulk", "sent_at", SENT_KEPT, "sent_at IS NOT NULL"),
    Aged("outbox_bulk", "queued_at", YEAR, "set_aside IS NOT NULL"),
    Aged("inbox", "received_at", timedelta(days=31)),
    Aged("alert_state", "resolved_at", YEAR, "resolved_at IS NOT NULL"),
    Aged("incident", "closed_at", YEAR, "closed_at IS NOT NULL"),
)
"""A closed incident records who closed it."""
QUARANTINE = Aged("quarantine", "set_aside_at", YEAR, "purge_at IS NULL")
"""The fact that a record was refused; its bytes are deleted earlier."""


async def purge(db: Database, aged: Sequence[Aged], now: datetime) -> None:
    """Delete old rows, slice by slice. An error in one table is reported and does not stop the others."""
    for one in aged:
        try:
            while (await db.execute(one.sql, now - one.kept, SLICE)).endswith(f" {SLICE}"):
                pass
        except ClawbackError as error:
            _log.warning("old rows were not deleted", table=one.table, error=error)
