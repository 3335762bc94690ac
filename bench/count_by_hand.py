"""What the hand-written contestants share for counting: the job, with the statements of analytics.

Ids, facets, rollups. It omits what makes the counts reliable: the retention floor, the cache version, the deletion of
unreferenced values, and retries.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from analytics.domain.counting import Delta
from analytics.domain.facets import ArticleFacts, Facets, FilterKey, Term, newest
from analytics.storage import facets, rollups, values
from clawback_contracts.article.v1 import ArticlePublished


class Words:
    """The ids of values, looked up once."""

    def __init__(self) -> None:
        self.cells: dict[FilterKey, int] = {}
        self.values: dict[Term, int] = {}

    async def learn(self, connection: Any, batch: Sequence[ArticleFacts]) -> None:
        """Looks up or creates the ids for a batch."""
        cells = {one.filter_key for one in batch if one.filter_key not in self.cells}
        if cells:
            by_digest = {values._digest(filter_key): filter_key for filter_key in cells}  # noqa: SLF001 - the same digest
            digests = sorted(by_digest)
            made = [by_digest[digest] for digest in digests]
            licences = [orjson.dumps(filter_key[2]).decode() for filter_key in made]
            await connection.execute(
                values.SQL["insert_cells"], digests, [c[0] for c in made], [c[1] for c in made], licences
            )
            rows = await connection.fetch(values.SQL["cells"], digests)
            self.cells.update({by_digest[row["digest"]]: row["id"] for row in rows})
        missing = {term for one in batch for term in one.terms if term not in self.values}
        if missing:
            labels = {term: label for one in batch for term, label in one.labels.items() if term in missing}
            terms = sorted(labels)
            numbers, texts = [term[0] for term in terms], [term[1] for term in terms]
            await connection.fetch(values.SQL["insert"], numbers, texts, [labels[term] for term in terms])
            rows = await connection.fetch(values.SQL["find"], numbers, texts)
            self.values.update({(row["dimension"], row["text"]): row["id"] for row in rows})

    def facets(self, one: ArticleFacts) -> Facets:
        """Returns the facets of an article."""
        source_id, *topic_ids = [self.values[term] for term in one.terms]
        return Facets(one.day, self.cells[one.filter_key], one.words, source_id, tuple(topic_ids))


async def count(connection: Any, articles: Sequence[ArticlePublished], words: Words) -> None:
    """Locks facet rows and changes the counts, in one transaction."""
    batch = newest(articles)
    await words.learn(connection, batch)
    by_id = {one.article_id: words.facets(one) for one in batch}
    async with connection.transaction():
        rows = await connection.fetch(
            facets.SQL["save_accepted"],
            list(by_id),
            [one.version for one in batch],
            [one.after_order for one in batch],
            [one.kept_from for one in batch],
            [one.day for one in by_id.values()],
            [one.cell_id for one in by_id.values()],
            [one.words for one in by_id.values()],
            [one.source_id for one in by_id.values()],
            [f"{{{','.join(map(str, one.topic_ids))}}}" for one in by_id.values()],
        )
        delta = Delta()
        _take_away(delta, rows)
        for row in rows:
            delta.add(by_id[row["article_id"]])
        await _apply(connection, delta)


async def uncount(connection: Any, rows: Sequence[Any]) -> None:
    """Subtracts the facets of these rows, in the transaction that emptied them."""
    delta = Delta()
    _take_away(delta, rows)
    await _apply(connection, delta)


def _take_away(delta: Delta, rows: Sequence[Any]) -> None:
    for row in rows:
        if row["day"] is not None:
            before = Facets(
                row["day"], row["cell_id"], row["words"], row["source_id"], tuple(row["topic_ids"])
            )
            delta.subtract(before)


async def _apply(connection: Any, delta: Delta) -> None:
    changes = delta.changes
    if changes:
        dimensions, days, cells, numbers = zip(*(change.key for change in changes), strict=True)
        await connection.fetch(
            rollups.SQL["add"],
            dimensions,
            days,
            cells,
            numbers,
            [change.articles for change in changes],
            [change.words for change in changes],
            [],
            [],
        )
