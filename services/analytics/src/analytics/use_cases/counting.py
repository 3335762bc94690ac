"""Counts published articles under their current facets, and no longer under their previous ones."""

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
"""A value is rarely deleted while a batch is counted under it, and not repeatedly for the same batch."""


async def on_articles(batch: Batch[ArticlePublished], service: Service, *, positions: bool = True) -> None:
    """Counts articles under their current facets instead of their previous ones.

    Args:
        batch: the published articles.
        service: the service.
        positions: whether to save offsets; False when dead letters are processed again.
    """
    facts = newest(one.value for one in batch)
    for _ in range(TRIES):
        try:
            counted, too_old = await _count(facts, service, batch if positions else ())
        except Conflict:
            metrics.RETRIED.inc()
            service.value_ids.forget()
        else:
            metrics.ARRIVED.labels("counted").inc(counted)
            metrics.ARRIVED.labels("too_old").inc(too_old)
            metrics.ARRIVED.labels("not_newer").inc(len(batch) - counted - too_old)
            return
    raise Transient("values are deleted while they are counted under")


async def _count(
    facts: Sequence[ArticleFacts], service: Service, positions: Batch[ArticlePublished]
) -> tuple[int, int]:
    """Returns how many articles were accepted, and how many are too old."""
    filter_keys = await service.value_ids.filter_keys(facts)
    async with service.db.transaction() as tx:
        numbers = await service.value_ids.numbers(tx, facts, filter_keys)
        by_id = {one.article_id: numbers.of(one) for one in facts}
        accepted = await facets.save_accepted(tx, facts, list(by_id.values()))
        delta = Delta()
        for row in accepted:
            if row.before is not None:
                delta.subtract(row.before)
            delta.add(
                by_id[row.article_id]._replace(withheld=True) if row.withheld else by_id[row.article_id]
            )
        too_old = 0
        if len(accepted) < len(facts):
            accepted_ids = {row.article_id for row in accepted}
            dates = [one.retention_date for one in facts if one.article_id not in accepted_ids]
            too_old = await facets.too_old(tx, dates)
        if positions:
            await offsets.keep(tx, GROUP, positions)
        await rollups.apply(tx, delta, numbers.made)
    return len(accepted), too_old


async def recount(tx: Transaction, changed: Sequence[Changed]) -> None:
    """Changes the counts by the difference between the previous and the current facets."""
    delta = Delta()
    for one in changed:
        delta.subtract(one.before)
        if one.after is not None:
            delta.add(one.after)
    await rollups.apply(tx, delta)
