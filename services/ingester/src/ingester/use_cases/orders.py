"""Orders of compliance: revoked articles are deleted, unconfirmed ones withheld, and each order is answered."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from clawback_common.kafka import offsets
from clawback_common.kafka.envelope import Batch
from clawback_common.messaging import answers, quarantine, unconfirmed
from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Transaction
from clawback_common.postgres.pool import Row
from clawback_contracts.revocation.folding import AnyOrder, Folded, fold_all
from ingester.gateways import metrics
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
    async with service.db.transaction() as tx:
        await _fold(tx, service, batch, service.clock.now(), confirmed=confirmed)
        if positions:
            await offsets.keep(tx, GROUP, batch)
    for kind, count in Counter(type(one.value).__name__ for one in batch).items():
        metrics.ORDERED.labels(kind).inc(count)


async def _fold(
    tx: Transaction, service: Service, batch: Batch[AnyOrder], now: datetime, *, confirmed: bool
) -> None:
    traces = {one.value.article_id: one.traceparent for one in batch}
    heads = await articles.lock_or_create(tx, sorted(traces), now)
    rows = fold_all(heads, (one.value for one in batch), confirmed=confirmed)
    removing = [article_id for article_id, row in rows.items() if row.removes]
    removed = await contents.remove(tx, await articles.months(tx, removing))
    purged = await quarantine.purge(tx, removing, now)
    await _apply(tx, service, [row for row in rows.values() if row.changed], traces, now)
    if in_question := await unconfirmed.put(tx, rows.values(), traces, now):
        await articles.mark_unconfirmed(tx, in_question, now)
    receipts = answers.receipts(batch, rows, GROUP, removed, purged, now)
    await service.outbox.put(tx, list(receipts), again=True)
    applied = (one.value for one in batch if rows[one.value.article_id].covers(one.value))
    if answered := sorted(await notices.answered(tx, applied, now)):
        # The open notice blocked publication, and the order that answers it may have ended already.
        readable = await articles.readable(tx, answered)
        await _publish(tx, service, {row["article_id"]: row["version"] for row in readable}, traces, now)


async def _apply(
    tx: Transaction,
    service: Service,
    folded: Sequence[Folded],
    traces: Mapping[str, str | None],
    now: datetime,
) -> None:
    """Writes the rows; articles that are available again are published again with a new version."""
    if folded:
        returned = await articles.apply_orders(tx, folded, now)
        await contents.set_versions(tx, returned)
        live = {row.article_id: row.version for row in returned if row.state == "live"}
        await _publish(tx, service, live, traces, now)


async def _publish(
    tx: Transaction,
    service: Service,
    versions: Mapping[str, int],
    traces: Mapping[str, str | None],
    now: datetime,
) -> None:
    ids = list(versions)
    await service.bulk_outbox.put(tx, ids, list(versions.values()), [traces.get(one) for one in ids], now)


async def on_unreadable_orders(tx: Transaction, bad: Sequence[Bad], service: Service) -> None:
    """Withholds the articles of unreadable orders and raises an alert. The lane continues."""
    now = service.clock.now()
    await articles.withhold(tx, answers.named_articles(bad), now)
    await answers.report_unreadable(tx, service.outbox, GROUP, bad, "is withheld", now)


async def on_confirmed(service: Service, in_question: Row, issued: Batch[AnyOrder]) -> None:
    """Applies the orders that compliance issued on an article; any other one becomes an incident."""
    now, article_id = service.clock.now(), in_question["article_id"]
    async with service.db.transaction() as tx:
        await articles.lock_or_create(tx, [article_id], now)
        if not await unconfirmed.answered(tx, article_id, in_question["order_no"]):
            return
        if issued:
            await _fold(tx, service, issued, now, confirmed=True)
        row = await articles.mark_confirmed(tx, article_id, now)
        if row is not None and row["version"] and row["state"] == "live":
            trace = {article_id: in_question["traceparent"]}
            await _publish(tx, service, {article_id: row["version"]}, trace, now)
        await unconfirmed.report_unless_issued(tx, service.outbox, GROUP, in_question, issued, now)


async def confirm(service: Service) -> None:
    """Asks compliance for the orders on unconfirmed articles."""
    confirmed = partial(on_confirmed, service)
    await unconfirmed.confirm(service.db, service.clock.now(), service.settings, confirmed)
