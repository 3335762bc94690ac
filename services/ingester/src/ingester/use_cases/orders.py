"""Orders of compliance: revoked articles are deleted, unconfirmed ones withheld, and each order is answered."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from clawback_common.alerts import messages
from clawback_common.kafka import offsets
from clawback_common.kafka.envelope import Batch, Received
from clawback_common.messaging import incidents, quarantine, unconfirmed
from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Transaction
from clawback_common.postgres.pool import Row
from clawback_common.subjects import is_article_id
from clawback_contracts.revocation.folding import AnyOrder, Folded, by_article, fold
from clawback_contracts.revocation.receipts import addressed, outcomes_of
from ingester.gateways import events, metrics
from ingester.storage import articles, contents, notices
from ingester.use_cases.service import GROUP, Service


async def on_orders(
    batch: Batch[AnyOrder], service: Service, *, positions: bool = True, confirmed: bool = False
) -> None:
    """Deletes revoked articles, hides withheld ones, and answers each order, however often it arrives.

    Args:
        batch: The orders.
        service: The service.
        positions: Whether to store positions on the topic; False for orders from another source.
        confirmed: Compliance itself returned the orders. Otherwise an order that does not follow the last applied one
            only withholds its article, until compliance confirms it.
    """
    now = service.clock.now()
    traces = {one.value.article_id: one.traceparent for one in batch}
    async with service.db.transaction() as tx:
        await _fold(tx, service, batch, traces, now, confirmed=confirmed)
        if positions:
            await offsets.keep(tx, GROUP, batch)
    for kind, count in Counter(type(one.value).__name__ for one in batch).items():
        metrics.ORDERED.labels(kind).inc(count)


async def _fold(
    tx: Transaction,
    service: Service,
    batch: Batch[AnyOrder],
    traces: Mapping[str, str | None],
    now: datetime,
    *,
    confirmed: bool,
) -> None:
    orders = by_article(one.value for one in batch)
    heads = await articles.lock_or_create(tx, list(orders), now)
    rows = {
        article_id: fold(heads[article_id], given, confirmed=confirmed)
        for article_id, given in orders.items()
    }
    removing = [article_id for article_id, row in rows.items() if row.removes]
    removed = await contents.remove(tx, await articles.months(tx, removing))
    purged = await quarantine.purge(tx, removing, now)
    await _apply(tx, service, [row for row in rows.values() if row.changed], traces, now)
    in_question = [row.unconfirmed for row in rows.values() if row.unconfirmed]
    if in_question:
        await unconfirmed.put(tx, in_question, traces, now)
        await articles.mark_unconfirmed(tx, [order.article_id for order in in_question], now)
    applied = [one for one in batch if one.value.order <= rows[one.value.article_id].after.order_no]
    await service.orders.put(
        tx,
        [
            events.receipt(
                one.value,
                outcomes_of(one.value, rows[one.value.article_id], removed, purged),
                now,
                one.traceparent,
            )
            for one in applied
            if addressed(one.value, events.HOLDER)
        ],
        again=True,
    )
    answered = await notices.answered(tx, (one.value for one in applied), now)
    await _publish_readable(tx, service, sorted(answered), traces, now)


async def _publish_readable(
    tx: Transaction,
    service: Service,
    article_ids: Sequence[str],
    traces: Mapping[str, str | None],
    now: datetime,
) -> None:
    """Publishes articles whose open notice blocked publication, if the order that answers it has already ended."""
    if article_ids:
        live = await articles.readable(tx, article_ids)
        ids, versions = [row["article_id"] for row in live], [row["version"] for row in live]
        await service.news.put(tx, ids, versions, [traces.get(one) for one in ids], now)


async def _apply(
    tx: Transaction,
    service: Service,
    folded: Sequence[Folded],
    traces: Mapping[str, str | None],
    now: datetime,
) -> None:
    """Writes the rows; articles that are available again are published again with a new version."""
    if not folded:
        return
    returned = await articles.apply_orders(tx, folded, now)
    await contents.set_versions(tx, returned)
    live = [row for row in returned if row.state == "live"]
    await service.news.put(
        tx,
        [row.article_id for row in live],
        [row.version for row in live],
        [traces.get(row.article_id) for row in live],
        now,
    )


async def on_unreadable_orders(tx: Transaction, bad: Sequence[Bad], service: Service) -> None:
    """Withholds the articles of unreadable orders and raises an alert. The lane continues."""
    now = service.clock.now()
    subjects = sorted({one.subject for one in bad if one.subject and is_article_id(one.subject)})
    await articles.withhold(tx, subjects, now)
    await incidents.open_for_unreadable(tx, bad, now)
    await service.orders.put(
        tx,
        [
            messages.event(
                GROUP,
                "UnreadableOrder",
                f"An order in {one.topic} partition {one.partition} offset {one.offset} could not be read "
                f"({one.error.reason}); its article is withheld. Check the order, then close the incident.",
                at=now,
                cause=one.id,
                topic=one.topic,
                subject=one.subject if one.subject in subjects else "none",
            )
            for one in bad
        ],
    )


async def on_confirmed(service: Service, in_question: Row, issued: Sequence[AnyOrder]) -> None:
    """Applies the orders that compliance issued on an article; any other one becomes an incident."""
    now = service.clock.now()
    article_id, trace = in_question["article_id"], in_question["traceparent"]
    batch = [Received(order, "", trace, order.TOPIC, -1, -1) for order in issued]
    async with service.db.transaction() as tx:
        await articles.lock_or_create(tx, [article_id], now)
        if not await unconfirmed.answered(tx, article_id, in_question["order_no"]):
            return
        if batch:
            await _fold(tx, service, batch, {article_id: trace}, now, confirmed=True)
        row = await articles.mark_confirmed(tx, article_id, now)
        if row is not None and row["version"] and row["state"] == "live":
            await service.news.put(tx, [article_id], [row["version"]], [trace], now)
        if not unconfirmed.was_issued(in_question, issued):
            await unconfirmed.report_not_issued(tx, service.orders, GROUP, in_question, now)


async def confirm(service: Service) -> None:
    """Asks compliance for the orders on unconfirmed articles."""
    confirmed = partial(on_confirmed, service)
    await unconfirmed.confirm(service.db, service.clock.now(), service.settings, confirmed)
