"""The story of analytics: one function an event, each a batch in one transaction.

Whatever changes what an article is counted by goes one way: take the facet rows, see by what they were counted and by
what they are counted now, change the counts by the difference. So counts are exact at every commit.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from analytics.domain.counting import Delta
from analytics.domain.facets import Described, newest
from analytics.gateways import events, metrics
from analytics.gateways.cache import Cache
from analytics.settings import Settings
from analytics.storage import facets, rollups, runs
from analytics.storage.facets import Changed
from analytics.storage.values import Vocabulary
from clawback_common import incidents, quarantine, unconfirmed
from clawback_common.bus import offsets
from clawback_common.bus.envelope import Batch, Received
from clawback_common.clock import Clock
from clawback_common.db import Database, Transaction
from clawback_common.db.pool import Row
from clawback_common.errors import Conflict, Transient
from clawback_common.http.probes import Check
from clawback_common.outbox.orders import OrdersOutbox
from clawback_common.quarantine import Bad
from clawback_common.subjects import is_article_id
from clawback_common.sweeping import Sweeper
from clawback_contracts.article.v1 import ArticlePublished
from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.folding import AnyOrder, by_article, fold
from clawback_contracts.revocation.receipts import addressed, outcomes_of
from clawback_contracts.run.v1 import RunCompleted, RunFailed

GROUP = "analytics"
TRIES = 5
"""A word that goes while it is counted under is rare; it does not happen to a batch again and again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What every use case of analytics works with."""

    settings: Settings
    db: Database
    clock: Clock
    orders: OrdersOutbox
    cache: Cache
    vocabulary: Vocabulary
    sweeper: Sweeper
    orders_applied: Check
    """Whether the orders that were on their topic at the start are applied."""


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
    described: Sequence[Described], service: Service, positions: Batch[ArticlePublished]
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


async def on_orders(
    batch: Batch[AnyOrder], service: Service, *, positions: bool = True, confirmed: bool = False
) -> None:
    """Stop counting what was revoked or withheld, and answer each order, however often it comes.

    Args:
        batch: the orders.
        service: ours.
        positions: note where we stand on the topic, which a second try of an old record must not.
        confirmed: compliance itself gave them. Otherwise one that does not follow the last one that we applied only
            withholds its article, until compliance was asked.
    """
    async with service.db.transaction() as tx:
        changed = await _fold(tx, service, batch, confirmed=confirmed)
        if positions:
            await offsets.keep(tx, GROUP, batch)
        await _recount(tx, changed)  # last: others wait for counts
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
        changed += await facets.doubt(tx, [order.article_id for order in doubtful])
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
    """Compliance has said which orders it issued on an article: these apply, another one is an incident."""
    article_id = doubtful["article_id"]
    batch = [Received(order, "", doubtful["traceparent"], order.TOPIC, -1, -1) for order in issued]
    async with service.db.transaction() as tx:
        await facets.lock_or_create(tx, [article_id])
        if not await unconfirmed.answered(tx, article_id, doubtful["order_no"]):
            return
        changed = await _fold(tx, service, batch, confirmed=True) if batch else []
        changed += await facets.believe(tx, article_id)
        wanted = (doubtful["order_no"], doubtful["revocation_id"])
        if all((order.order, order.revocation_id) != wanted for order in issued):
            await _report_forged(tx, service, doubtful)
        await _recount(tx, changed)


async def _report_forged(tx: Transaction, service: Service, doubtful: Row) -> None:
    now, article_id, order_no = service.clock.now(), doubtful["article_id"], doubtful["order_no"]
    incident_id = event_id("order_not_issued", article_id, order_no)
    await incidents.open_all(
        tx, "order_not_issued", [(incident_id, article_id, f"compliance did not issue order {order_no}")], now
    )
    summary = f"An order on {article_id} was not issued by compliance and is not applied: see the incident."
    await service.orders.put(
        tx, [events.alert("OrderNotIssued", summary, at=now, cause=incident_id, subject=article_id)]
    )


async def confirm(service: Service) -> None:
    """Ask compliance for the orders on articles in doubt."""
    settings = service.settings
    issuer = partial(unconfirmed.issued, settings.compliance_url, settings.compliance_api_key_file)
    await unconfirmed.ask(service.db, service.clock.now(), issuer, partial(on_confirmed, service))


async def _recount(tx: Transaction, changed: Sequence[Changed]) -> None:
    delta = Delta()
    for one in changed:
        delta.take_away(one.before)
        if one.after is not None:
            delta.add(one.after)
    await rollups.apply(tx, delta)


async def on_unreadable_orders(tx: Transaction, bad: Sequence[Bad], service: Service) -> None:
    """An order that cannot be read: do not count what it speaks of, and page a person. The lane goes on."""
    now = service.clock.now()
    subjects = sorted({one.subject for one in bad if one.subject and is_article_id(one.subject)})
    delta = Delta()
    for counted in await facets.withhold(tx, subjects):
        delta.take_away(counted)
        delta.add(counted._replace(withheld=True))
    await incidents.open_for_unreadable(tx, bad, now)
    await service.orders.put(
        tx,
        [
            events.alert(
                "UnreadableOrder",
                f"An order in {one.topic} partition {one.partition} offset {one.offset} could not be read "
                f"({one.error.reason}); the article that it names is not counted. Look, then close the incident.",
                at=now,
                cause=one.id,
                topic=one.topic,
                subject=one.subject if one.subject in subjects else "none",
            )
            for one in bad
        ],
    )
    await rollups.apply(tx, delta)


async def close_incident(service: Service, incident_id: UUID, by: str, note: str) -> Row | None:
    """A person has looked: what was withheld for it is counted again. None: no such open incident."""
    now = service.clock.now()
    async with service.db.transaction() as tx:
        closed = await incidents.close(tx, incident_id, by, note, now)
        counted = await facets.release(tx, closed["subject"]) if closed and closed["subject"] else None
        if counted is not None:
            delta = Delta()
            delta.take_away(counted._replace(withheld=True))
            delta.add(counted)
            await rollups.apply(tx, delta)
    return closed


async def on_runs(batch: Batch[RunCompleted | RunFailed], service: Service) -> None:
    """A compliance run ended: note how."""
    ended = {one.value.run_id: one.value for one in batch}
    async with service.db.transaction() as tx:
        await runs.put(tx, list(ended.values()))


async def on_set_aside(service: Service, lane: str, what: str) -> None:
    """A row of the outbox cannot be sent: an incident and an alert, the rest goes on."""
    now = service.clock.now()
    async with service.db.transaction() as tx:
        await incidents.open_all(
            tx, "unsendable_row", [(event_id(GROUP, lane, what), None, f"{lane}: {what}")], now
        )
        summary = f"A row of the outbox {lane} of {GROUP} cannot be sent and was set aside: {what}"
        await service.orders.put(
            tx, [events.alert("OutboxRowSetAside", summary, at=now, cause=what, lane=lane)]
        )


async def holdings(service: Service, article_ids: Sequence[str]) -> tuple[set[str], dict[str, int]]:
    """The ids that are held, as facets or in quarantine; and the last order applied to each that has one."""
    held, applied = await facets.held(service.db, article_ids)
    return held | await quarantine.held(service.db, article_ids), applied
