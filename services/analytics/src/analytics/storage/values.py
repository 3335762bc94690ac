"""Words and the numbers that stand for them. The text of a value stands in one row, and goes with its last count."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import orjson

from analytics.domain.facets import ArticleFacts, Cell, Facets, Term
from clawback_common.errors import Conflict
from clawback_common.postgres import Database, Querier, Queries, Transaction
from clawback_common.postgres.pool import Row

K = TypeVar("K")
SQL = Queries.load(__package__, "values")
KNOWN_MAX = 200_000
"""Words that a process remembers: about 40 MB; then it begins anew."""


class Numbers(NamedTuple):
    """The numbers of a batch's words."""

    cells: Mapping[Cell, int]
    values: Mapping[Term, int]
    made: Sequence[int]
    """Values that this transaction has made: what is not counted under must go again."""

    def of(self, one: ArticleFacts) -> Facets:
        """The facets of an article of the batch."""
        values = self.values
        source_id, *topic_ids = [values[term] for term in one.terms]
        return Facets(one.day, self.cells[one.cell], one.words, source_id, tuple(topic_ids))


class ValueIds:
    """Gives the numbers of words; remembers those that it has seen.

    A number that it remembers may be gone, with its last count. Who counts under it then is told so by a
    ``Conflict``, calls ``forget`` and begins again. Numbers are never given twice.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._cells: dict[Cell, int] = {}
        self._values: dict[Term, int] = {}

    def forget(self) -> None:
        """Looks everything up again."""
        self._values.clear()

    async def cells(self, batch: Sequence[ArticleFacts]) -> Mapping[Cell, int]:
        """The cells of a batch; new ones are made in a transaction of their own, for they stay."""
        found, missing = _split(self._cells, (one.cell for one in batch))
        if missing:
            by_digest = {_digest(cell): cell for cell in missing}
            digests, cells = sorted(by_digest), [by_digest[digest] for digest in sorted(by_digest)]
            rows = await self._db.fetch(SQL["cells"], digests)
            if len(rows) < len(digests):
                await self._make_cells(digests, cells, {row["digest"] for row in rows})
                rows = await self._db.fetch(SQL["cells"], digests)
            new = {by_digest[row["digest"]]: row["id"] for row in rows}
            _remember(self._cells, new)
            found.update(new)
        return found

    async def _make_cells(
        self, digests: Sequence[bytes], cells: Sequence[Cell], known: Collection[bytes]
    ) -> None:
        unknown = [(digest, cell) for digest, cell in zip(digests, cells, strict=True) if digest not in known]
        await self._db.execute(
            SQL["make_cells"],
            [digest for digest, _ in unknown],
            [cell[0] for _, cell in unknown],
            [cell[1] for _, cell in unknown],
            [orjson.dumps(cell[2]).decode() for _, cell in unknown],
        )

    async def numbers(
        self, tx: Transaction, batch: Sequence[ArticleFacts], cells: Mapping[Cell, int]
    ) -> Numbers:
        """The numbers of a batch; new values are made in its transaction, and remembered when it commits.

        Raises:
            Conflict: a value went in this very moment; begin again.
        """
        found, missing = _split(self._values, (term for one in batch for term in one.terms))
        if not missing:
            return Numbers(cells, found, ())
        labels = _labels(one for one in batch if not missing.isdisjoint(one.terms))
        terms = sorted(missing)
        dimensions, texts = [term[0] for term in terms], [term[1] for term in terms]
        # Looked up before they are made: each row that is not inserted for a conflict uses up a number.
        new = {
            (row["dimension"], row["text"]): row["id"]
            for row in await tx.fetch(SQL["known"], dimensions, texts)
        }
        unknown = [term for term in terms if term not in new]
        made: list[Row] = []
        if unknown:
            keys = [term[0] for term in unknown], [term[1] for term in unknown]
            made = await tx.fetch(SQL["make"], *keys, [labels[term] for term in unknown])
            rows = await tx.fetch(SQL["known"], *keys)
            if len(rows) < len(unknown):
                raise Conflict("a value has gone meanwhile")
            new |= {(row["dimension"], row["text"]): row["id"] for row in rows}
        tx.on_commit(lambda: _remember(self._values, new))
        found.update(new)
        return Numbers(cells, found, [row["id"] for row in made])


def _labels(batch: Iterable[ArticleFacts]) -> dict[Term, str | None]:
    """Of each term the first that any article gives."""
    labels: dict[Term, str | None] = {}
    for one in batch:
        for term, label in one.labels.items():
            labels[term] = labels.get(term) or label
    return labels


def _split(known: Mapping[K, int], wanted: Iterable[K]) -> tuple[dict[K, int], set[K]]:
    """Those known, and those not."""
    found: dict[K, int] = {}
    missing: set[K] = set()
    for one in wanted:
        number = known.get(one)
        if number is None:
            missing.add(one)
        else:
            found[one] = number
    return found, missing


def _remember(known: dict[K, int], new: Mapping[K, int]) -> None:
    if len(known) > KNOWN_MAX:
        known.clear()
    known.update(new)


async def texts(db: Querier, ids: Sequence[int]) -> dict[int, tuple[str, str | None]]:
    """Text and label of values; those that have gone are missing."""
    return {row["id"]: (row["text"], row["label"]) for row in await db.fetch(SQL["texts"], ids)}


def _digest(cell: Cell) -> bytes:
    return hashlib.sha256(orjson.dumps(cell)).digest()
