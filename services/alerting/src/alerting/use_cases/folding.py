"""Folds events into alerts and queues the notifications that are due, in one transaction."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from alerting.domain import budget, condition
from alerting.domain.alert import Alert, AlertEvent, Raised, Resolved, one_line
from alerting.domain.matcher import all_match
from alerting.domain.notification_policy import NEWS_FOR, Notification, due_notifications
from alerting.domain.routing import Target
from alerting.gateways import metrics
from alerting.storage import alerts, budgets, messages, silences, watches
from alerting.use_cases.service import GROUP, Service
from clawback_common.kafka import offsets
from clawback_common.kafka.envelope import Batch, Received
from clawback_common.messaging import inbox, incidents
from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Transaction
from clawback_contracts.alert.v1 import AlertRaised, AlertResolved, AlertsFiring
from clawback_contracts.envelope import event_id

SLICE = 200
"""Alerts per transaction of the periodic evaluation."""
NOT_LISTED_AFTER = timedelta(hours=25)
"""An alert of a listing service has ended if it was neither listed nor raised for this long.

Each persistent condition is detected again within a day.
"""
SUMMARY_AFTER = timedelta(minutes=1)
"""How long after the first suppressed notification the summary is sent; suppressed alerts are counted until then."""
Targets = Callable[[Alert], Sequence[Target]]
E = TypeVar("E")


async def on_alerts(
    batch: Batch[AlertRaised | AlertResolved | AlertsFiring], service: Service, *, positions: bool = True
) -> None:
    """Folds a batch of events into alerts, each event once, and queues the notifications that are due."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        new = [one.value for one in await only_new(tx, batch, now)]
        await fold_events(
            tx, [_event(one, now) for one in new if not isinstance(one, AlertsFiring)], service, now
        )
        for listing in new:
            if isinstance(listing, AlertsFiring):
                await fold_events(tx, await _not_listed(tx, listing, now), service, now)
        if positions:
            await offsets.keep(tx, GROUP, batch)


async def only_new(tx: Transaction, batch: Batch[E], now: datetime) -> list[Received[E]]:
    """Returns the records whose event id was not received before, each once."""
    new = await inbox.take(tx, GROUP, [one.identity for one in batch], now)
    found = []
    for one in batch:
        if one.identity in new:
            new.discard(one.identity)
            found.append(one)
    return found


async def fold_from_http(events: Sequence[AlertEvent], service: Service) -> None:
    """Does the same for alerts received by HTTP, where the sender repeats what is firing."""
    async with service.db.transaction() as tx:
        await fold_events(tx, events, service, service.clock.now())


async def fold_events(tx: Transaction, events: Sequence[AlertEvent], service: Service, now: datetime) -> None:
    """Folds events into alerts and queues the notifications that are due."""
    for part in _split_repeated_events(events):
        locked = await alerts.lock_or_create(tx, (one.fingerprint for one in part), now)
        for one in part:
            locked[one.fingerprint] = locked[one.fingerprint].fold(one)
            metrics.EVENTS.labels("raised" if isinstance(one, Raised) else "resolved").inc()
        folded = list(locked.values())
        await alerts.save(tx, folded)
        await queue_due(tx, folded, service, now)


def _split_repeated_events(events: Sequence[AlertEvent]) -> Iterable[list[AlertEvent]]:
    """Splits the events so that in each part no event follows another of the same alert.

    Each event is a new occurrence with notifications of its own.
    """
    part: list[AlertEvent] = []
    fingerprints: set[str] = set()
    for one in events:
        if isinstance(one, Raised) and one.is_event:
            if one.fingerprint in fingerprints:
                yield part
                part, fingerprints = [], set()
            fingerprints.add(one.fingerprint)
        part.append(one)
    if part:
        yield part


async def queue_due(
    tx: Transaction, locked: Sequence[Alert], service: Service, now: datetime, targets: Targets | None = None
) -> None:
    """Queues the notifications that are due of locked alerts; none is queued twice.

    Args:
        tx: the transaction.
        locked: the alerts, locked by the transaction.
        service: the service.
        now: the time.
        targets: recipients that are used instead of the routes, regardless of silences.
    """
    known = await messages.delivered(tx, locked)
    muted = await silences.in_force(tx, now)
    started_at, _ = await watches.load(tx, now)
    found = []
    for alert in locked:
        found += due_notifications(
            alert,
            (targets or service.routing.targets)(alert),
            known.get(alert.fingerprint, {}),
            now,
            silenced=targets is None and any(all_match(one, alert.matched) for _, one in muted),
            news_from=started_at - NEWS_FOR,
        )
    if targets is None:
        found = await _within_budget(tx, found, service, now)
    await messages.queue(tx, found, now)
    for one in found:
        metrics.QUEUED.labels(one.target.channel, one.what).inc()
    if found:
        tx.on_commit(service.senders.wake)


async def _within_budget(
    tx: Transaction, found: list[Notification], service: Service, now: datetime
) -> list[Notification]:
    """Drops notifications beyond the budget of their source.

    They are due again in the next hour if the alert is still firing.
    """
    sources = budget.limited(found)
    if not sources:
        return found
    per_source_max = service.settings.notifications_per_source_h_max
    allowed = budget.within(found, await budgets.lock(tx, sources, now), per_source_max)
    await budgets.save(tx, allowed.used, allowed.refused, now)
    metrics.OVER_BUDGET.inc(len(found) - len(allowed.notifications))
    return list(allowed.notifications)


async def _summarise_excess(service: Service) -> None:
    """Notifies once per source and hour that its budget was exceeded."""
    now, per_hour = service.clock.now(), service.settings.notifications_per_source_h_max
    async with service.db.transaction() as tx:
        excess = await budgets.summarise(tx, now, now - SUMMARY_AFTER)
        events = [condition.budget_spent(source, per_hour, count, now) for source, count in excess.items()]
        await fold_events(tx, events, service, now)


async def evaluate_firing(service: Service) -> int:
    """Evaluates all firing alerts: reminders, ends of silences, ends of undecodable-record alerts.

    Returns:
        How many alerts are firing.
    """
    await _resolve_undecodable(service)
    await _summarise_excess(service)
    after, count = "", 0
    while fingerprints := await alerts.firing(service.db, after, SLICE):
        async with service.db.transaction() as tx:
            locked = await alerts.lock_existing(tx, fingerprints)
            await queue_due(tx, list(locked.values()), service, service.clock.now())
        after, count = fingerprints[-1], count + len(fingerprints)
    return count


async def _resolve_undecodable(service: Service) -> None:
    """Resolves the alerts of undecodable records, which are notified at most once a day."""
    now = service.clock.now()
    name = condition.unreadable("", now).name
    silent = await alerts.firing_of_name(service.db, name, now - condition.UNREADABLE_OVER)
    if silent:
        await fold_from_http([Resolved(one, now) for one in silent], service)


async def on_undecodable(tx: Transaction, bad: Sequence[Bad], service: Service) -> None:
    """Raises an alert for records that cannot be decoded, because each may be an alert."""
    if bad:
        now = service.clock.now()
        await fold_events(
            tx,
            [condition.unreadable(topic, now) for topic in sorted({one.topic for one in bad})],
            service,
            now,
        )


async def on_undecodable_request(source: str, service: Service) -> None:
    """Does the same for requests."""
    await fold_from_http([condition.unreadable(source, service.clock.now())], service)


async def on_set_aside(lane: str, what: str, service: Service) -> None:
    """Raises an alert for an outbox row that is marked as failed; the following rows are sent."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        await incidents.open_all(
            tx, "unsendable_row", [(event_id("unsendable", lane, what), None, what)], now
        )
        await fold_events(tx, [condition.unsendable(lane, now)], service, now)


def not_ahead(at: datetime, now: datetime) -> datetime:
    """Limits the time of another clock to now: a time in the future would hide all events until then."""
    return min(at, now)


async def _not_listed(tx: Transaction, listing: AlertsFiring, now: datetime) -> list[Resolved]:
    """Resolves alerts that their service no longer lists, for example because the broker lost their resolution."""
    at = not_ahead(listing.listed_at, now)
    over = await alerts.not_listed(tx, listing.service, listing.firing, at - NOT_LISTED_AFTER, SLICE)
    return [Resolved(fingerprint, at, service=listing.service) for fingerprint in over]


def _event(event: AlertRaised | AlertResolved, now: datetime) -> AlertEvent:
    match event:
        case AlertRaised():
            return Raised(
                one_line(event.name),
                one_line(event.service),
                event.severity,
                event.summary,
                not_ahead(event.raised_at, now),
                {one_line(key, 100): one_line(value) for key, value in event.labels.items()},
                identity=event.fingerprint,
                listed=event.listed,
            )
        case AlertResolved():
            return Resolved(event.fingerprint, not_ahead(event.resolved_at, now), service=event.service)
