"""How much of a provider's articles is understood: the rest is kept, counted, and reported where it is too much."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

ANY_FIELD: Final = "*"
"""Stands for whichever field."""
COUNTED_FOR = timedelta(hours=24)
ARTICLES_MIN = 3
SHARE_MIN = 0.05
"""So many articles, and so large a share of those that came, are no odd values but a format that we do not know."""
FIELDS_NAMED_MAX = 5


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """Articles of a feed in which something could not be read.

    Attributes:
        received: articles that came in the same time.
        by_field: how many, by the field; under `ANY_FIELD` those with any such field.
    """

    received: int
    by_field: Mapping[str, int]

    @property
    def articles(self) -> int:
        """In how many articles something could not be read."""
        return self.by_field.get(ANY_FIELD, 0)

    @property
    def reportable(self) -> bool:
        """Whether it is more than odd values."""
        return self.articles >= ARTICLES_MIN and self.articles >= SHARE_MIN * self.received

    @property
    def fields(self) -> str:
        """The fields in words, the most frequent first."""
        named = sorted(
            ((field, count) for field, count in self.by_field.items() if field != ANY_FIELD),
            key=lambda one: (-one[1], one[0]),
        )
        return ", ".join(f"{field} ({count:,})" for field, count in named[:FIELDS_NAMED_MAX])
