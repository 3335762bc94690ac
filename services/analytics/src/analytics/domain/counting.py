"""How counts change with an article: away with what it was counted by before, on with what it is counted by now."""

from datetime import date
from typing import NamedTuple

from analytics.domain.facets import SOURCE, TOPIC, Facets

Key = tuple[int, date, int, int]
"""Dimension, day, cell, value: a row of the rollup."""


class Change(NamedTuple):
    """By how much a row of the rollup changes."""

    key: Key
    articles: int
    words: int


class Delta:
    """The changes of one transaction, summed up, so that each row is touched once and in one order."""

    __slots__ = ("_articles", "_parked", "_words")

    def __init__(self) -> None:
        self._articles: dict[Key, int] = {}
        self._words: dict[Key, int] = {}
        self._parked: dict[int, int] = {}

    def add(self, facets: Facets) -> None:
        """An article is counted by these from now on."""
        self._change(facets, 1)

    def take_away(self, facets: Facets) -> None:
        """An article was counted by these, and is no longer."""
        self._change(facets, -1)

    @property
    def changes(self) -> list[Change]:
        """Rows that change, by key. Where an article came back as it was, nothing does."""
        words = self._words
        return [
            Change(key, articles, words[key])
            for key, articles in sorted(self._articles.items())
            if articles or words[key]
        ]

    @property
    def parked(self) -> dict[int, int]:
        """By how many withheld articles each value is needed more, or less."""
        return {value: by for value, by in self._parked.items() if by}

    def _change(self, facets: Facets, by: int) -> None:
        day, cell_id, words, source_id, topic_ids, withheld = facets
        if withheld:
            for value in (source_id, *topic_ids):
                self._parked[value] = self._parked.get(value, 0) + by
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
