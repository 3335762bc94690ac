"""Legal holds in the form that a sweep needs: the parameters of the SQL function ``is_held``."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Range

from clawback_common.errors import Poison
from clawback_contracts.sweep.v1 import Hold, SweepRequested


@dataclass(frozen=True, slots=True)
class LegalHolds:
    """All holds of one request, combined. An id that a hold names is held whatever its date."""

    ids: tuple[str, ...]
    """Sorted."""
    spans: tuple[Range[datetime], ...]
    """A ``tstzmultirange``; the end of a span is not held, and None is unlimited."""

    @classmethod
    def of(cls, holds: Iterable[Hold]) -> "LegalHolds":
        """Combine holds: the ids of those that name any, the spans of those that name none."""
        every = tuple(holds)
        ids = sorted({one for hold in every for one in hold.article_ids})
        dated = [hold for hold in every if not hold.article_ids and not is_empty_span(hold)]
        spans = dict.fromkeys((hold.dated_from, hold.dated_until) for hold in dated)
        return cls(tuple(ids), tuple(Range(*span) for span in spans))


def is_empty_span(hold: Hold) -> bool:
    """Return whether its span ends before it starts; no person can have placed such a hold."""
    return (
        hold.dated_from is not None and hold.dated_until is not None and hold.dated_from >= hold.dated_until
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
    def parameters(self) -> tuple[object, ...]:
        """The parameters of a query: the limit, held ids, and held spans."""
        return (self.before, self.held.ids, self.held.spans)
