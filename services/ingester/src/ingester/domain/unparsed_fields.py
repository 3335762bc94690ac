"""Fields of a provider's articles that could not be read: they are kept and counted, and reported above a threshold."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

ANY_FIELD: Final = "*"
"""Stands for any field."""
COUNTED_FOR = timedelta(hours=24)
ARTICLES_MIN = 3
SHARE_MIN = 0.05
"""Above this number and this share of articles, the cause is an unknown format and not a few odd values."""
FIELDS_NAMED_MAX = 5


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """The articles of a feed in which a field could not be read.

    Attributes:
        received: The articles received in the same time.
        by_field: The number of articles by field; under `ANY_FIELD` those with any such field.
    """

    received: int
    by_field: Mapping[str, int]

    @property
    def articles(self) -> int:
        """Returns the number of articles with a field that could not be read."""
        return self.by_field.get(ANY_FIELD, 0)

    @property
    def reportable(self) -> bool:
        """Returns whether the thresholds are exceeded."""
        return self.articles >= ARTICLES_MIN and self.articles >= SHARE_MIN * self.received

    @property
    def fields(self) -> str:
        """Returns the fields as text, the most frequent first."""
        named = sorted(
            ((field, count) for field, count in self.by_field.items() if field != ANY_FIELD),
            key=lambda one: (-one[1], one[0]),
        )
        return ", ".join(f"{field} ({count:,})" for field, count in named[:FIELDS_NAMED_MAX])
