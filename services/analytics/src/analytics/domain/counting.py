"""How counts change: the previous facets of an article are subtracted and its current ones are added."""

from datetime import date
from typing import NamedTuple

from analytics.domain.facets import SOURCE, TOPIC, Facets

Key = tuple[int, date, int, int]
"""The key of a rollup row: dimension, day, cell, value."""


class Change(NamedTuple):
    """The change of one rollup row."""

    key: Key
    articles: int
    words: int


class Delta:
    """The summed changes of one transaction, so that each row is updated once, in a fixed order."""

    __slots__ = ("_articles", "_withheld_refs", "_words")

    def __init__(self) -> None:
        self._articles: dict[Key, int] = {}
        self._words: dict[Key, int] = {}
        self._withheld_refs: dict[int, int] = {}

    def add(self, facets: Facets) -> None:
        """Adds an article with these facets."""
        self._change(facets, 1)

    def subtract(self, facets: Facets) -> None:
        """Subtracts an article with these facets."""
        self._change(facets, -1)

    @property
    def changes(self) -> list[Change]:
        """The rollup rows that change, sorted by key.

        An article that is subtracted and added unchanged changes none.
        """
        words = self._words
        return [
            Change(key, articles, words[key])
            for key, articles in sorted(self._articles.items())
            if articles or words[key]
        ]

    @property
    def withheld_refs(self) -> dict[int, int]:
        """By value: the change of the number of withheld articles that refer to it."""
        return {value: by for value, by in self._withheld_refs.items() if by}

    def _change(self, facets: Facets, by: int) -> None:
        day, cell_id, words, source_id, topic_ids, withheld = facets
        if withheld:
            for value in (source_id, *topic_ids):
                self._withheld_refs[value] = self._withheld_refs.get(value, 0) + by
            return
        counts, sums = self._articles, self._words
        words *= by
        key: Key = (SOURCE, day, cell_id, source_id)
        counts[key] = counts.get(key, 0) + by
        sums[key] = sums.get(key, 0) + words
        for topic_id in topic_ids:
            key = (TOPIC, day, cell_id, topic_id)
            counts[key] = counts.get(key, 0) + by
            sums[key] = sums.get(key, 0) + words
