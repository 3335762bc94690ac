"""The ingester's story: one function an event, each a batch in one transaction.

Articles come in by many doors and all go through ``_store``; orders go through ``on_orders``. Everything else
brings articles or notices to one of these.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

from clawback_common import incidents, quarantine, unconfirmed
from clawback_common.bus import offsets
from clawback_common.bus.envelope import Batch, Received
from clawback_common.clock import Clock
from clawback_common.db import Database, Transaction
from clawback_common.db.pool import Row
from clawback_common.errors import Poison
from clawback_common.outbox.news import NewsOutbox
from clawback_common.outbox.orders import OrdersOutbox
from clawback_common.quarantine import Bad, ForbiddenIds
from clawback_common.subjects import is_article_id
from clawback_common.sweeping import Sweeper
from clawback_common.telemetry import traceparent
from clawback_common.watching.announcer import Announcer
from clawback_contracts.article.v1 import CONTENT_BYTES_MAX, ArticleSubmitted
from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.folding import AnyOrder, Folded, by_article, fold
from clawback_contracts.revocation.receipts import addressed, outcomes_of
from clawback_contracts.revocation.v1 import Reason, RevocationNoticed
from ingester.domain.article import Delivery, Origin, comes_by, newest, record_arrival
from ingester.domain.feed import Sighting
from ingester.domain.gap import Gap
from ingester.domain.submission import Outcome
from ingester.gateways import events, metrics
from ingester.settings import Settings
from ingester.storage import articles, contents, feeds, notices, submitted
from ingester.storage.articles import Taken
from ingester.storage.contents import Months
from ingester.storage.submitted import Submitted
from ingester.storage.sweeping import Articles, api_calls

GROUP = "ingester"
Step = Callable[[Transaction], Awaitable[None]]
"""Something that must be true together with what is stored."""
SUBMISSIONS = "submissions"


@dataclass(frozen=True, slots=True)
class Service:
    """What the flow works with."""

    settings: Settings
    db: Database
    clock: Clock
    orders: OrdersOutbox
    news: NewsOutbox
    months: Months = field(init=False)
    sweeper: Sweeper = field(init=False)
    announcer: Announcer = field(init=False)

    def __post_init__(self) -> None:
        """The months belong to the database, and so does what is swept."""
        months = Months(self.db)
        owned = (Articles(self.db, self.clock, months), api_calls(self.db))
        object.__setattr__(self, "months", months)
        ages_min_d = self.settings.sweep_age_min_d
        sweeper = Sweeper(GROUP, self.db, self.clock, self.orders, owned, ages_min_d)
        object.__setattr__(self, "sweeper", sweeper)
        object.__setattr__(self, "announcer", Announcer(GROUP, self.db, self.clock, self.orders))


class Stored(NamedTuple):
    """What became of deliveries."""

    stored: int = 0
    too_old: int = 0
    """Refused: older than what was swept."""


async def on_submissions(batch: Batch[ArticleSubmitted], service: Service, *, positions: bool = True) -> None:
    """An upstream system published articles: store them, and publish them in our turn.

    ``positions``: note where we are on the topic, which a retry of old records must not.
    """
    providers = service.settings.topics_of_submissions
    for one in batch:
        if not comes_by(one.value.article_id, providers.get(one.topic, ())):
            raise Poison("provider_not_allowed", "article_id")
    now = service.clock.now()
    incoming = [
        Delivery.of(
            one.value,
            record_arrival(one.timestamp_ms, one.offset, now),
            one.traceparent,
            Origin(one.topic, one.event_id),
        )
        for one in batch
    ]
    if any(one.too_large for one in incoming):
        raise Poison(
            "too_large", f"an article has at most {CONTENT_BYTES_MAX} bytes when it is written again"
        )
    keep = [partial(offsets.keep, group=GROUP, batch=batch)] if positions else []
    await store(service, incoming, door=SUBMISSIONS, beside=keep)


async def store(
    service: Service,
    incoming: Sequence[Delivery],
    *,
    door: str,
    bad: Sequence[Bad] = (),
    providers: Sequence[str] | None = None,
    beside: Sequence[Step] = (),
) -> Stored:
    """Stores and publishes deliveries, sets the bad ones aside, and does what belongs beside, all or nothing.

    ``providers``: whose ids the sender may use; None where its ids are its own.
    """
    now = service.clock.now()
    chosen = newest(incoming)
    await service.months.make(min(d.article.published_at, now) for d in chosen)
    async with service.db.transaction() as tx:
        became = await _store(tx, service, chosen, incoming, now)
        if bad:
            await quarantine.put(tx, service.orders, bad, now, forbidden_ids(providers))
        for step in beside:
            await step(tx)
    metrics.DELIVERED.labels(door, "stored").inc(became.stored)
    metrics.DELIVERED.labels(door, "too_old").inc(became.too_old)
    metrics.DELIVERED.labels(door, "unchanged").inc(len(incoming) - became.stored - became.too_old)
    metrics.DELIVERED.labels(door, "quarantined").inc(len(bad))
    return became


def forbidden_ids(providers: Sequence[str] | None) -> ForbiddenIds:
    """Ids about which nothing may be kept in quarantine: revoked ones, and those that the sender may not use."""

    async def forbidden(tx: Transaction, article_ids: Sequence[str]) -> set[str]:
        foreign = {one for one in article_ids if providers is not None and not comes_by(one, providers)}
        return foreign | await articles.revoked(tx, article_ids)

    return forbidden


async def _store(
    tx: Transaction,
    service: Service,
    chosen: Sequence[Delivery],
    incoming: Sequence[Delivery],
    now: datetime,
) -> Stored:
    if not chosen:
        return Stored()
    by_id = {delivery.article_id: delivery for delivery in chosen}
    rows = await articles.take(tx, chosen, now)
    await submitted.put(tx, _outcomes(incoming, by_id, rows), now)
    taken = [row for row in rows if row.stored]
    await contents.put(tx, taken, by_id)
    live = [row for row in taken if row.state == "live"]
    await service.news.put(
        tx,
        [row.article_id for row in live],
        [row.version for row in live],
        [by_id[row.article_id].traceparent for row in live],
        now,
    )
    return Stored(len(taken), len(chosen) - len(rows))


def _outcomes(
    incoming: Sequence[Delivery], by_id: Mapping[str, Delivery], rows: Sequence[Taken]
) -> list[Submitted]:
    """What became of each delivery whose sender may ask: of several on one article, the newest was stored."""
    found = {row.article_id: row for row in rows}
    outcomes = []
    for one in incoming:
        if one.origin is None:
            continue
        row = found.get(one.article_id)
        if row is None:
            outcome = Outcome.TOO_OLD
        elif row.stored and one is by_id[one.article_id]:
            outcome = Outcome.STORED
        else:
            outcome = Outcome.REVOKED if row.state == "revoked" else Outcome.NOT_NEWER
        outcomes.append(Submitted(one.origin, one.article_id, outcome, row.version if row else None))
    return outcomes


async def on_orders(
    batch: Batch[AnyOrder], service: Service, *, positions: bool = True, confirmed: bool = False
) -> None:
    """Remove what was revoked, hide what is withheld, and answer each order, however often it comes.

    Args:
        batch: the orders.
        service: ours.
        positions: note where we stand, which orders that did not come by the topic must not.
        confirmed: compliance itself gave them. Otherwise one that does not follow the last one that we applied only
            withholds its article, until compliance was asked.
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
    doubtful = [row.unconfirmed for row in rows.values() if row.unconfirmed]
    if doubtful:
        await unconfirmed.put(tx, doubtful, traces, now)
        await articles.doubt(tx, [order.article_id for order in doubtful], now)
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
    """An open notice stops publication. Where the order that answers it has ended before, nothing else resumes it."""
    if article_ids:
        live = await articles.readable(tx, article_ids)
        ids, versions = [row["article_id"] for row in live], [row["version"] for row in live]
        await service.news.put(tx, ids, versions, [traces.get(one) for one in ids], now)


async def on_confirmed(service: Service, doubtful: Row, issued: Sequence[AnyOrder]) -> None:
    """Compliance has said which orders it issued on an article: these apply, another one is an incident."""
    now = service.clock.now()
    article_id, trace = doubtful["article_id"], doubtful["traceparent"]
    batch = [Received(order, "", trace, order.TOPIC, -1, -1) for order in issued]
    async with service.db.transaction() as tx:
        await articles.lock_or_create(tx, [article_id], now)
        if not await unconfirmed.answered(tx, article_id, doubtful["order_no"]):
            return
        if batch:
            await _fold(tx, service, batch, {article_id: trace}, now, confirmed=True)
        row = await articles.believe(tx, article_id, now)
        if row is not None and row["version"] and row["state"] == "live":
            await service.news.put(tx, [article_id], [row["version"]], [trace], now)
        if not was_issued(doubtful, issued):
            await _report_forged(tx, service, doubtful, now)


def was_issued(doubtful: Row, issued: Sequence[AnyOrder]) -> bool:
    """Whether compliance issued the order that was asked for."""
    wanted = (doubtful["order_no"], doubtful["revocation_id"])
    return any((order.order, order.revocation_id) == wanted for order in issued)


async def _report_forged(tx: Transaction, service: Service, doubtful: Row, now: datetime) -> None:
    article_id, order_no = doubtful["article_id"], doubtful["order_no"]
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


async def _apply(
    tx: Transaction,
    service: Service,
    folded: Sequence[Folded],
    traces: Mapping[str, str | None],
    now: datetime,
) -> None:
    """Writes the rows; what is in use again is published again, as a new version."""
    if not folded:
        return
    returned = await articles.apply_orders(tx, folded, now)
    await contents.renumber(tx, returned)
    live = [row for row in returned if row.state == "live"]
    await service.news.put(
        tx,
        [row.article_id for row in live],
        [row.version for row in live],
        [traces.get(row.article_id) for row in live],
        now,
    )


async def on_unreadable_orders(tx: Transaction, bad: Sequence[Bad], service: Service) -> None:
    """An order that cannot be read: withhold what it speaks of, and page a person. The lane goes on."""
    now = service.clock.now()
    subjects = sorted({one.subject for one in bad if one.subject and is_article_id(one.subject)})
    await articles.withhold(tx, subjects, now)
    await incidents.open_for_unreadable(tx, bad, now)
    await service.orders.put(
        tx,
        [
            events.alert(
                "UnreadableOrder",
                f"An order in {one.topic} partition {one.partition} offset {one.offset} could not be read "
                f"({one.error.reason}); the article that it names is withheld. Look, then close the incident.",
                at=now,
                cause=one.id,
                topic=one.topic,
                subject=one.subject if one.subject in subjects else "none",
            )
            for one in bad
        ],
    )


async def on_sightings(
    tx: Transaction,
    service: Service,
    feed: str,
    sightings: Sequence[Sighting],
    poll_id: UUID,
    earliest: datetime | None,
) -> int:
    """A provider's list of revoked ids: note each new one, and send its notice. Gives how many are new."""
    if not sightings:
        return 0
    now = service.clock.now()
    standing = await notices.standing(tx, [s.article_id for s in sightings])
    noticed = {
        (notice_id := s.notice_id(feed, standing.get(s.article_id))): RevocationNoticed(
            notice_id=notice_id,
            article_id=s.article_id,
            reason=Reason.LICENSOR,
            noticed_by=feed,
            noticed_at=now,
            revoked_at=s.revoked_at,
            earliest_at=earliest,
            poll_id=poll_id,
        )
        for s in sightings
    }
    return await _notice(tx, service, list(noticed.values()), now)


async def on_feed_gap(tx: Transaction, service: Service, feed: str, lost: Gap) -> None:
    """Entries of a feed were never delivered: an incident, which is reported until a person closes it."""
    now, incident_id = service.clock.now(), lost.identity(feed)
    detail = f"feed {feed}: {lost} may never have been delivered"
    await incidents.open_all(tx, "feed_gap", [(incident_id, None, detail)], now)
    await feeds.note_gap(tx, incident_id, feed, lost)


async def on_unreadable_sightings(tx: Transaction, service: Service, bad: Sequence[Bad]) -> None:
    """Entries of a revocation feed without a usable id: each may be a revocation, so a person must look."""
    if not bad:
        return
    now = service.clock.now()
    await quarantine.put(tx, service.orders, bad, now)
    await incidents.open_for_unreadable(tx, bad, now)
    await service.orders.put(
        tx,
        [
            events.alert(
                "UnreadableRevocation",
                f"{one.topic} listed a revocation that could not be read ({one.error}). Find out from the provider "
                "which article it means, and close the incident.",
                at=now,
                cause=one.id,
                feed=one.topic,
            )
            for one in bad
        ],
    )


async def _notice(
    tx: Transaction, service: Service, noticed: Sequence[RevocationNoticed], now: datetime
) -> int:
    trace = traceparent()
    new = await notices.put(tx, noticed, [trace] * len(noticed))
    await service.orders.put(tx, events.notices(new, now, trace))
    if new:
        metrics.NOTICED.labels(new[0].noticed_by).inc(len(new))
    return len(new)


async def on_time(service: Service) -> None:
    """What only time brings: embargoes that end, licences that end, notices that were not answered."""
    now = service.clock.now()
    async with service.db.transaction() as tx:
        freed = await articles.embargo_over(tx, now)
        await service.news.put(
            tx, [r["article_id"] for r in freed], [r["version"] for r in freed], [None] * len(freed), now
        )
        await _licences_over(tx, service, now)
        due = await notices.due(tx, now)
        await service.orders.put(
            tx,
            [
                message
                for r in due
                for message in events.notices([events.notice_of(r)], now, r["traceparent"])
            ],
            again=True,
        )


async def _licences_over(tx: Transaction, service: Service, now: datetime) -> None:
    over = [row for row in await articles.licence_over(tx, now) if row["state"] != "revoked"]
    await _notice(
        tx,
        service,
        [
            RevocationNoticed(
                notice_id=event_id("licence", row["article_id"], row["licence_ends_at"], row["order_no"]),
                article_id=row["article_id"],
                reason=Reason.LICENCE_EXPIRED,
                noticed_by="licence",
                noticed_at=now,
                revoked_at=row["licence_ends_at"],
            )
            for row in over
        ],
        now,
    )


async def close_incident(service: Service, incident_id: UUID, by: str, note: str) -> Row | None:
    """A person has looked: what was withheld for it is released and published. None: no such open incident."""
    now = service.clock.now()
    async with service.db.transaction() as tx:
        closed = await incidents.close(tx, incident_id, by, note, now)
        row = await articles.release(tx, closed["subject"], now) if closed and closed["subject"] else None
        if row is not None and row["version"] and row["state"] == "live":
            await service.news.put(tx, [row["article_id"]], [row["version"]], [traceparent()], now)
    return closed


async def holdings(service: Service, article_ids: Sequence[str]) -> tuple[set[str], dict[str, int]]:
    """The ids that are held, as content or in quarantine; and the last order applied to each that has one."""
    held, applied = await contents.held(service.db, article_ids)
    return held | await quarantine.held(service.db, article_ids), applied
