"""Published articles are counted by what they say now, and no longer by what they said before."""

from collections.abc import Sequence

from analytics.domain.counting import Delta
from analytics.domain.facets import ArticleFacts, newest
from analytics.gateways import metrics
from analytics.storage import facets, rollups
from analytics.storage.facets import Changed
from analytics.use_cases.service import GROUP, Service
from clawback_common.errors import Conflict, Transient
from clawback_common.kafka import offsets
from clawback_common.kafka.envelope import Batch
from clawback_common.postgres import Transaction
from clawback_contracts.article.v1 import ArticlePublished

TRIES = 5
"""A word that goes while it is counted under is rare; it does not happen to a batch again and again."""


async def on_articles(batch: Batch[ArticlePublished], service: Service, *, positions: bool = True) -> None:
    """Articles were published: count each by what it says now, and no longer by what it said before.

    ``positions``: note where we are on the topic, which a retry of old records must not.
    """
    described = newest(one.value for one in batch)
    for _ in range(TRIES):
        try:
            counted, too_old = await _count(described, service, batch if positions else ())
        except Conflict:
            metrics.BEGUN_AGAIN.inc()
            service.vocabulary.forget()
        else:
            metrics.ARRIVED.labels("counted").inc(counted)
            metrics.ARRIVED.labels("too_old").inc(too_old)
            metrics.ARRIVED.labels("not_newer").inc(len(batch) - counted - too_old)
            return
    raise Transient("values go as fast as they come")


async def _count(
    described: Sequence[ArticleFacts], service: Service, positions: Batch[ArticlePublished]
) -> tuple[int, int]:
    """Gives how many were let in, and how many are too old for that."""
    cells = await service.vocabulary.cells(described)
    async with service.db.transaction() as tx:
        numbers = await service.vocabulary.numbers(tx, described, cells)
        by_id = {one.article_id: numbers.of(one) for one in described}
        taken = await facets.take(tx, described, list(by_id.values()))
        delta = Delta()
        for row in taken:
            if row.before is not None:
                delta.take_away(row.before)
            delta.add(
                by_id[row.article_id]._replace(withheld=True) if row.withheld else by_id[row.article_id]
            )
        too_old = 0
        if len(taken) < len(described):
            there = {row.article_id for row in taken}
            dates = [one.kept_from for one in described if one.article_id not in there]
            too_old = await facets.too_old(tx, dates)
        if positions:
            await offsets.keep(tx, GROUP, positions)
        await rollups.apply(tx, delta, numbers.made)
    return len(taken), too_old


async def recount(tx: Transaction, changed: Sequence[Changed]) -> None:
    """Changes the counts by the difference between what articles were counted by and what they are counted by now."""
    delta = Delta()
    for one in changed:
        delta.take_away(one.before)
        if one.after is not None:
            delta.add(one.after)
    await rollups.apply(tx, delta)
