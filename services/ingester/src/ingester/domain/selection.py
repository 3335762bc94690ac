"""Which articles a list is limited to."""

from dataclasses import dataclass
from datetime import datetime


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
