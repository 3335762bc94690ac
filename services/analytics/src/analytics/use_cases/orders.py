"""Applies orders of compliance: revoked articles and unconfirmed ones are not counted; each order is answered."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

from analytics.domain.counting import Delta
from analytics.gateways import metrics
from analytics.storage import facets, rollups
from analytics.storage.facets import Changed
from analytics.use_cases.counting import recount
from analytics.use_cases.service import GROUP, Service
from clawback_common.kafka import offsets
from clawback_common.kafka.envelope import Batch
from clawback_common.messaging import answers, quarantine, unconfirmed
from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Transaction
from clawback_common.postgres.pool import Row
from clawback_contracts.revocation.folding import AnyOrder, fold_all


async def on_orders(
    batch: Batch[AnyOrder], service: Service, *, positions: bool = True, confirmed: bool = False
) -> None:
    """Stops counting revoked and withheld articles, and answers each order, also repeated ones.

    Args:
        batch: the orders.
        service: the service.
        positions: whether to save offsets; False when dead letters are processed again.
        confirmed: whether the orders were read from compliance itself. Otherwise an order that does not follow the last
            applied one only withholds its article, until compliance confirms it.
    """
    async with service.db.transaction() as tx:
        changed = await _fold(tx, service, batch, confirmed=confirmed)
        if positions:
            await offsets.keep(tx, GROUP, batch)
        await recount(tx, changed)  # last: other transactions wait for the counts
    for kind, count in Counter(type(one.value).__name__ for one in batch).items():
        metrics.ORDERED.labels(kind).inc(count)


async def _fold(
    tx: Transaction, service: Service, batch: Batch[AnyOrder], *, confirmed: bool
) -> list[Changed]:
    now = service.clock.now()
    traces = {one.value.article_id: one.traceparent for one in batch}
    heads = await facets.lock_or_create(tx, sorted(traces))
    rows = fold_all(heads, (one.value for one in batch), confirmed=confirmed)
    changed = await facets.apply_orders(tx, [row for row in rows.values() if row.changed])
    emptied = {one.article_id for one in changed if one.after is None}
    purged = await quarantine.purge(tx, [one for one, row in rows.items() if row.removes], now)
    if doubtful := await unconfirmed.put(tx, rows.values(), traces, now):
        changed += await facets.mark_unconfirmed(tx, doubtful)
    receipts = answers.receipts(batch, rows, GROUP, emptied, purged, now)
    await service.outbox.put(tx, list(receipts), again=True)
    return changed


async def on_confirmed(service: Service, doubtful: Row, issued: Batch[AnyOrder]) -> None:
    """Applies the orders that compliance confirmed for an article; an order that it did not issue is an incident."""
    article_id = doubtful["article_id"]
    async with service.db.transaction() as tx:
        await facets.lock_or_create(tx, [article_id])
        if not await unconfirmed.answered(tx, article_id, doubtful["order_no"]):
            return
        changed = await _fold(tx, service, issued, confirmed=True) if issued else []
        changed += await facets.confirm(tx, article_id)
        now = service.clock.now()
        await unconfirmed.report_unless_issued(tx, service.outbox, GROUP, doubtful, issued, now)
        await recount(tx, changed)


async def confirm(service: Service) -> None:
    """Asks compliance to confirm the orders on articles that are withheld as unconfirmed."""
    confirmed = partial(on_confirmed, service)
    await unconfirmed.confirm(service.db, service.clock.now(), service.settings, confirmed)


async def on_unreadable_orders(tx: Transaction, bad: Sequence[Bad], service: Service) -> None:
    """Withholds the articles of undecodable orders and raises an alert. The lane continues."""
    delta = Delta()
    for counted in await facets.withhold(tx, answers.named_articles(bad)):
        delta.subtract(counted)
        delta.add(counted._replace(withheld=True))
    now = service.clock.now()
    await answers.report_unreadable(tx, service.outbox, GROUP, bad, "is not counted", now)
    await rollups.apply(tx, delta)
