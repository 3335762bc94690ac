"""How counts change: the previous facets of an article are subtracted and its current ones are added."""

from datetime import date

from analytics.domain.facets import Facets

Change = tuple[date, int, int, int, int]
"""The change of one rollup row: day, filter key, value; by how many articles and words."""


class Delta:
    """The summed changes of one transaction, so that each row is updated once."""

    __slots__ = ("_sums", "_withheld_refs")

    def __init__(self) -> None:
        self._sums: dict[tuple[date, int, int], list[int]] = {}
        self._withheld_refs: dict[int, int] = {}

    def add(self, facets: Facets) -> None:
        """Adds an article with these facets."""
        self._change(facets, 1)

    def subtract(self, facets: Facets) -> None:
        """Subtracts an article with these facets."""
        self._change(facets, -1)

    @property
    def changes(self) -> list[Change]:
        """The rollup rows that change. An article that is subtracted and added unchanged changes none."""
        return [(*key, articles, words) for key, (articles, words) in self._sums.items() if articles or words]

    @property
    def withheld_refs(self) -> dict[int, int]:
        """By value: the change of the number of withheld articles that refer to it."""
        return {value: by for value, by in self._withheld_refs.items() if by}

    def _change(self, facets: Facets, by: int) -> None:
        published_at, filter_key_id, words, value_ids, withheld = facets
        if withheld:
            for value in value_ids:
                self._withheld_refs[value] = self._withheld_refs.get(value, 0) + by
            return
        day = published_at.date()
        words *= by
        for value in value_ids:
            found = self._sums.get((day, filter_key_id, value))
            if found is None:
                self._sums[day, filter_key_id, value] = [by, words]
            else:
                found[0] += by
                found[1] += words
