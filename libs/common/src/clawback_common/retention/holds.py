"""Legal holds in the form that a sweep needs: a check of one record, or arrays for SQL."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from clawback_common.errors import Poison
from clawback_contracts.sweep.v1 import Hold, SweepRequested

Span = tuple[datetime | None, datetime | None]
"""Start, and end (exclusive); None: unlimited."""


@dataclass(frozen=True, slots=True)
class LegalHolds:
    """All holds of one request, combined. An id that a hold names is held whatever its date."""

    ids: tuple[str, ...]
    """Sorted; for ``= ANY ($n::text[])``."""
    spans: tuple[Span, ...]

    @classmethod
    def of(cls, holds: Iterable[Hold]) -> "LegalHolds":
        """Combine holds: the ids of those that name any, the spans of those that name none."""
        every = tuple(holds)
        ids = sorted({one for hold in every for one in hold.article_ids})
        spans = {(hold.dated_from, hold.dated_until) for hold in every if not hold.article_ids}
        return cls(tuple(ids), tuple(sorted(spans, key=repr)))

    @property
    def froms(self) -> list[datetime | None]:
        """Starts of the spans, parallel to ``untils``, for ``unnest``; NULL: unlimited."""
        return [span[0] for span in self.spans]

    @property
    def untils(self) -> list[datetime | None]:
        """Ends of the spans; NULL: unlimited."""
        return [span[1] for span in self.spans]

    def covers(self, record_id: str | None = None, dated: datetime | None = None) -> bool:
        """Return whether a record with this id and date is held."""
        if record_id is not None and record_id in self.ids:
            return True
        return dated is not None and any(
            (start is None or start <= dated) and (end is None or dated < end) for start, end in self.spans
        )


@dataclass(frozen=True, slots=True)
class SweepLimit:
    """The limit of a sweep: everything dated before, unless it is held."""

    before: datetime
    held: LegalHolds

    @classmethod
    def of(cls, request: SweepRequested) -> "SweepLimit":
        """Return the limit of a request.

        Raises:
            Poison: it has none.
        """
        if request.before is None:
            raise Poison("limit_missing", "the request has no 'before', so no record is old")
        return cls(request.before, LegalHolds.of(request.holds))

    @property
    def arrays(self) -> tuple[object, ...]:
        """The parameters of a query: the limit, held ids, and starts and ends of held spans."""
        return (self.before, self.held.ids, self.held.froms, self.held.untils)
