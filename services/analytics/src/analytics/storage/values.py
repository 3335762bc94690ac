"""The ids of filter keys and values. The text of a value is stored in one row, and is deleted with its last count."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import orjson

from analytics.domain.facets import ArticleFacts, Facets, FilterKey, Term
from clawback_common.errors import Conflict
from clawback_common.postgres import Database, Querier, Queries, Transaction
from clawback_common.postgres.pool import Row

K = TypeVar("K")
SQL = Queries.load(__package__, "values")
KNOWN_MAX = 200_000
"""Number of cached ids per process, about 40 MB; then the cache is cleared."""


class BatchIds(NamedTuple):
    """The ids for a batch."""

    filter_keys: Mapping[FilterKey, int]
    values: Mapping[Term, int]
    made: Sequence[int]
    """Values that this transaction created; they are deleted again if nothing is counted under them."""

    def of(self, one: ArticleFacts) -> Facets:
        """Returns the facets of an article of the batch."""
        values = self.values
        value_ids = [values[term] for term in one.terms]
        return Facets(one.published_at, self.filter_keys[one.filter_key], one.words, value_ids)


class ValueIds:
    """Looks up and caches the ids of filter keys and values.

    A cached value may be deleted meanwhile, with its last count. A caller that counts under it gets a ``Conflict``,
    calls ``forget`` and tries again. Ids are never reused.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._filter_keys: dict[FilterKey, int] = {}
        self._values: dict[Term, int] = {}

    def forget(self) -> None:
        """Clears the cached values."""
        self._values.clear()

    async def filter_keys(self, batch: Sequence[ArticleFacts]) -> Mapping[FilterKey, int]:
        """Returns the ids of a batch's filter keys.

        New ones are created in a separate transaction, because filter keys are never deleted.
        """
        found, missing = _split(self._filter_keys, {one.filter_key for one in batch})
        if missing:
            by_digest = {_digest(filter_key): filter_key for filter_key in missing}
            digests = sorted(by_digest)
            rows = await self._db.fetch(SQL["filter_keys"], digests)
            if len(rows) < len(digests):
                unknown = sorted(by_digest.keys() - {row["digest"] for row in rows})
                await self._insert_filter_keys(unknown, [by_digest[digest] for digest in unknown])
                rows = await self._db.fetch(SQL["filter_keys"], digests)
            new = {by_digest[row["digest"]]: row["id"] for row in rows}
            _remember(self._filter_keys, new)
            found.update(new)
        return found

    async def _insert_filter_keys(self, digests: Sequence[bytes], keys: Sequence[FilterKey]) -> None:
        await self._db.execute(
            SQL["insert_filter_keys"],
            digests,
            [language for language, _, _ in keys],
            [source for _, source, _ in keys],
            [orjson.dumps(licences).decode() for _, _, licences in keys],
        )

    async def numbers(
        self, tx: Transaction, batch: Sequence[ArticleFacts], filter_keys: Mapping[FilterKey, int]
    ) -> BatchIds:
        """Returns the ids for a batch. New values are created in its transaction, and cached when it commits.

        Raises:
            Conflict: a value was deleted at the same moment; try again.
        """
        found, missing = _split(self._values, set().union(*(one.terms for one in batch)))
        if not missing:
            return BatchIds(filter_keys, found, ())
        terms = sorted(missing)
        labels = _labels(missing, batch)
        made = _by_term(await tx.fetch(SQL["insert"], *_columns(terms), [labels[term] for term in terms]))
        existing = [term for term in terms if term not in made]
        new = made | _by_term(await tx.fetch(SQL["find"], *_columns(existing)) if existing else ())
        if len(new) < len(terms):
            raise Conflict("a value was deleted meanwhile")
        tx.on_commit(lambda: _remember(self._values, new))
        found.update(new)
        return BatchIds(filter_keys, found, list(made.values()))


def _columns(terms: Sequence[Term]) -> tuple[list[int], list[str]]:
    return [dimension for dimension, _ in terms], [text for _, text in terms]


def _by_term(rows: Iterable[Row]) -> dict[Term, int]:
    return {(row["dimension"], row["text"]): row["id"] for row in rows}


def _labels(terms: set[Term], batch: Iterable[ArticleFacts]) -> dict[Term, str | None]:
    """Returns for each term the first label in the batch."""
    labels: dict[Term, str | None] = dict.fromkeys(terms)
    for one in batch:
        for term in terms & one.terms.keys():
            labels[term] = labels[term] or one.terms[term]
    return labels


def _split(known: dict[K, int], wanted: set[K]) -> tuple[dict[K, int], set[K]]:
    """Splits into known and missing keys. ``difference`` with a dict, not with its keys, uses the stored hashes."""
    missing = wanted.difference(known)
    return {one: known[one] for one in wanted - missing}, missing


def _remember(known: dict[K, int], new: Mapping[K, int]) -> None:
    if len(known) > KNOWN_MAX:
        known.clear()
    known.update(new)


async def texts(db: Querier, ids: Sequence[int]) -> dict[int, tuple[str, str | None]]:
    """Returns text and label of values; deleted ones are missing."""
    return {row["id"]: (row["text"], row["label"]) for row in await db.fetch(SQL["texts"], ids)}


def _digest(filter_key: FilterKey) -> bytes:
    return hashlib.sha256(orjson.dumps(filter_key)).digest()
