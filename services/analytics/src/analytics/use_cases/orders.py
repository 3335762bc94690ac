"""Applies orders of compliance: revoked articles and unconfirmed ones are not counted; each order is answered."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

from analytics.domain.counting import Delta
from analytics.gateways import events, metrics
from analytics.storage import facets, rollups
from analytics.storage.facets import Changed
from analytics.use_cases.counting import recount
from analytics.use_cases.service import GROUP, Service
from clawback_common.alerts import messages
from clawback_common.kafka import offsets
from clawback_common.kafka.envelope import Batch, Received
from clawback_common.messaging import incidents, quarantine, unconfirmed
from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Transaction
from clawback_common.postgres.pool import Row
from clawback_common.subjects import is_article_id
from clawback_contracts.revocation.folding import AnyOrder, by_article, fold
from clawback_contracts.revocation.receipts import addressed, outcomes_of


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
    orders = by_article(one.value for one in batch)
    heads = await facets.lock_or_create(tx, list(orders))
    rows = {
        article_id: fold(heads[article_id], given, confirmed=confirmed)
        for article_id, given in orders.items()
    }
    changed = await facets.apply_orders(tx, [row for row in rows.values() if row.changed])
    emptied = {one.article_id for one in changed if one.after is None}
    purged = await quarantine.purge(tx, [one for one, row in rows.items() if row.removes], now)
    doubtful = [row.unconfirmed for row in rows.values() if row.unconfirmed]
    if doubtful:
        traces = {one.value.article_id: one.traceparent for one in batch}
        await unconfirmed.put(tx, doubtful, traces, now)
        changed += await facets.mark_unconfirmed(tx, [order.article_id for order in doubtful])
    answered = [
        events.receipt(
            one.value,
            outcomes_of(one.value, rows[one.value.article_id], emptied, purged),
            now,
            one.traceparent,
        )
        for one in batch
        if addressed(one.value, GROUP) and one.value.order <= rows[one.value.article_id].after.order_no
    ]
    await service.orders.put(tx, answered, again=True)
    return changed


async def on_confirmed(service: Service, doubtful: Row, issued: Sequence[AnyOrder]) -> None:
    """Applies the orders that compliance confirmed for an article; an order that it did not issue is an incident."""
    article_id = doubtful["article_id"]
    batch = [Received(order, "", doubtful["traceparent"], order.TOPIC, -1, -1) for order in issued]
    async with service.db.transaction() as tx:
        await facets.lock_or_create(tx, [article_id])
        if not await unconfirmed.answered(tx, article_id, doubtful["order_no"]):
            return
        changed = await _fold(tx, service, batch, confirmed=True) if batch else []
        changed += await facets.confirm(tx, article_id)
        if not unconfirmed.was_issued(doubtful, issued):
            await unconfirmed.report_not_issued(tx, service.orders, GROUP, doubtful, service.clock.now())
        await recount(tx, changed)


async def confirm(service: Service) -> None:
    """Asks compliance to confirm the orders on articles that are withheld as unconfirmed."""
    confirmed = partial(on_confirmed, service)
    await unconfirmed.confirm(service.db, service.clock.now(), service.settings, confirmed)


async def on_unreadable_orders(tx: Transaction, bad: Sequence[Bad], service: Service) -> None:
    """Withholds the articles of undecodable orders and raises an alert. The lane continues."""
    now = service.clock.now()
    subjects = sorted({one.subject for one in bad if one.subject and is_article_id(one.subject)})
    delta = Delta()
    for counted in await facets.withhold(tx, subjects):
        delta.subtract(counted)
        delta.add(counted._replace(withheld=True))
    await incidents.open_for_unreadable(tx, bad, now)
    await service.orders.put(
        tx,
        [
            messages.event(
                GROUP,
                "UnreadableOrder",
                f"An order in {one.topic} partition {one.partition} offset {one.offset} cannot be decoded "
                f"({one.error.reason}); the article that it names is not counted. Review and close the incident.",
                at=now,
                cause=one.id,
                topic=one.topic,
                subject=one.subject if one.subject in subjects else "none",
            )
            for one in bad
        ],
    )
    await rollups.apply(tx, delta)
