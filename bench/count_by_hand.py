"""What the hand-written contestants share for counting: the job, with the statements of analytics.

Ids, facets, rollups. It omits what makes the counts reliable: the retention floor, the deletion of unreferenced
values, and retries.
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
        self.filter_keys: dict[FilterKey, int] = {}
        self.values: dict[Term, int] = {}

    async def learn(self, connection: Any, batch: Sequence[ArticleFacts]) -> None:
        """Looks up or creates the ids for a batch."""
        keys = {one.filter_key for one in batch if one.filter_key not in self.filter_keys}
        if keys:
            by_digest = {values._digest(filter_key): filter_key for filter_key in keys}  # noqa: SLF001 - the same digest
            digests = sorted(by_digest)
            made = [by_digest[digest] for digest in digests]
            licences = [orjson.dumps(filter_key[2]).decode() for filter_key in made]
            await connection.execute(
                values.SQL["insert_filter_keys"],
                digests,
                [k[0] for k in made],
                [k[1] for k in made],
                licences,
            )
            rows = await connection.fetch(values.SQL["filter_keys"], digests)
            self.filter_keys.update({by_digest[row["digest"]]: row["id"] for row in rows})
        missing = {term for one in batch for term in one.terms if term not in self.values}
        if missing:
            labels = {term: label for one in batch for term, label in one.terms.items() if term in missing}
            terms = sorted(labels)
            numbers, texts = [term[0] for term in terms], [term[1] for term in terms]
            await connection.fetch(values.SQL["insert"], numbers, texts, [labels[term] for term in terms])
            rows = await connection.fetch(values.SQL["find"], numbers, texts)
            self.values.update({(row["dimension"], row["text"]): row["id"] for row in rows})

    def facets(self, one: ArticleFacts) -> Facets:
        """Returns the facets of an article."""
        value_ids = [self.values[term] for term in one.terms]
        return Facets(one.published_at, self.filter_keys[one.filter_key], one.words, value_ids)


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
            [one.retention_date for one in batch],
            [one.published_at for one in by_id.values()],
            [one.filter_key_id for one in by_id.values()],
            [one.words for one in by_id.values()],
            [f"{{{','.join(map(str, one.value_ids))}}}" for one in by_id.values()],
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
        if row["published_at"] is not None:
            delta.subtract(Facets(row["published_at"], row["filter_key_id"], row["words"], row["value_ids"]))


async def _apply(connection: Any, delta: Delta) -> None:
    changes = delta.changes
    if changes:
        await connection.fetch(rollups.SQL["add"], *zip(*changes, strict=True), [], [])
