"""Which articles a list is limited to."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ingester.domain.query import Range, Ranged

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The filters of a list; an article matches if it matches all of them. None: no limit.

    Attributes:
        terms: Terms that the article must have.
        since: The earliest publication by the source.
        until: The publication is earlier.
        sentiment_min: The lowest score.
        sentiment_max: The highest score.
        word_count_min: The lowest number of words.
        word_count_max: The highest number of words.
    """

    terms: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    sentiment_min: float | None = None
    sentiment_max: float | None = None
    word_count_min: float | None = None
    word_count_max: float | None = None

    @property
    def is_everything(self) -> bool:
        """Returns whether every article matches."""
        return self == Selection()

    def within(self, ranges: Iterable[Range]) -> "Selection":
        """Returns the selection that is limited to these ranges too."""
        found = self
        for one in ranges:
            found = found._within(one.ranged, one.low, one.high)
        return found

    def _within(self, ranged: Ranged, low: Any, high: Any) -> "Selection":
        match ranged:
            case Ranged.PUBLISHED:
                after = high + timedelta(microseconds=1) if high else None
                since, until = _tighter(max, self.since, low), _tighter(min, self.until, after)
                return replace(self, since=since, until=until)
            case Ranged.SENTIMENT:
                low, high = _tighter(max, self.sentiment_min, low), _tighter(min, self.sentiment_max, high)
                return replace(self, sentiment_min=low, sentiment_max=high)
            case Ranged.WORD_COUNT:
                low, high = _tighter(max, self.word_count_min, low), _tighter(min, self.word_count_max, high)
                return replace(self, word_count_min=low, word_count_max=high)


def _tighter(choose: Callable[[T, T], T], limit: T | None, other: T | None) -> T | None:
    """Returns the tighter of two limits."""
    return (
        choose(limit, other)
        if limit is not None and other is not None
        else (limit if other is None else other)
    )
