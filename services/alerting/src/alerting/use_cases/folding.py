"""What is said is folded into alerts, and what is to be told of them is queued: both in one transaction."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from alerting.domain import budget, condition
from alerting.domain.alert import Alert, AlertEvent, Raised, Resolved, one_line
from alerting.domain.matcher import all_match
from alerting.domain.notification_policy import NEWS_FOR, Notification, tellings
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
"""Alerts looked at in one transaction when time has passed."""
NOT_LISTED_AFTER = timedelta(hours=25)
"""An alert that is neither listed nor was raised for so long is over: whatever lasts is found again within a day."""
SUMMARY_AFTER = timedelta(minutes=1)
"""After the first notification too many: until then the flood is counted."""
Targets = Callable[[Alert], Sequence[Target]]
E = TypeVar("E")


async def on_alerts(
    batch: Batch[AlertRaised | AlertResolved | AlertsFiring], service: Service, *, positions: bool = True
) -> None:
    """Fold what is said into its alert, each event once, and queue what is to be told of it."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        new = [one.value for one in await only_new(tx, batch, now)]
        await say(tx, [_said(one, now) for one in new if not isinstance(one, AlertsFiring)], service, now)
        for listing in new:
            if isinstance(listing, AlertsFiring):
                await say(tx, await _not_listed(tx, listing, now), service, now)
        if positions:
            await offsets.keep(tx, GROUP, batch)


async def only_new(tx: Transaction, batch: Batch[E], now: datetime) -> list[Received[E]]:
    """Those that never arrived before, each once: a repeat is no second saying."""
    new = await inbox.take(tx, GROUP, [one.identity for one in batch], now)
    found = []
    for one in batch:
        if one.identity in new:
            new.discard(one.identity)
            found.append(one)
    return found


async def said_by_door(said: Sequence[AlertEvent], service: Service) -> None:
    """The same for what came by HTTP, where the sender repeats what holds rather than what it said."""
    async with service.db.transaction() as tx:
        await say(tx, said, service, service.clock.now())


async def say(tx: Transaction, said: Sequence[AlertEvent], service: Service, now: datetime) -> None:
    """Fold and queue."""
    for part in _each_event_apart(said):
        taken = await alerts.take(tx, (one.fingerprint for one in part), now)
        for one in part:
            taken[one.fingerprint] = taken[one.fingerprint].told(one)
            metrics.SAID.labels("raised" if isinstance(one, Raised) else "resolved").inc()
        folded = list(taken.values())
        await alerts.put(tx, folded)
        await plan(tx, folded, service, now)


def _each_event_apart(said: Sequence[AlertEvent]) -> Iterable[list[AlertEvent]]:
    """Parts in which no event is followed by another of the same alert: each is news of its own."""
    part: list[AlertEvent] = []
    events: set[str] = set()
    for one in said:
        if isinstance(one, Raised) and one.is_event:
            if one.fingerprint in events:
                yield part
                part, events = [], set()
            events.add(one.fingerprint)
        part.append(one)
    if part:
        yield part


async def plan(
    tx: Transaction, taken: Sequence[Alert], service: Service, now: datetime, targets: Targets | None = None
) -> None:
    """Queue what is to be told of alerts that are taken; nothing is queued twice.

    ``targets`` goes past routes and silences.
    """
    known = await messages.told(tx, taken)
    muted = await silences.active(tx, now)
    started_at, _ = await watches.seen(tx, now)
    found = []
    for alert in taken:
        found += tellings(
            alert,
            (targets or service.book.targets)(alert),
            known.get(alert.fingerprint, {}),
            now,
            silenced=targets is None and any(all_match(matchers, alert.matched) for matchers in muted),
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
    """Leaves out what its source may not cause in this hour; it is due again in the next, while it holds."""
    sources = budget.limited(found)
    if not sources:
        return found
    per_source_max = service.settings.notifications_per_source_h_max
    allowed = budget.within(found, await budgets.lock(tx, sources, now), per_source_max)
    await budgets.save(tx, allowed.used, allowed.refused, now)
    metrics.OVER_BUDGET.inc(len(found) - len(allowed.tellings))
    return list(allowed.tellings)


async def _summarise_excess(service: Service) -> None:
    """One notification for all that a source would have caused beyond its budget."""
    now, per_hour = service.clock.now(), service.settings.notifications_per_source_h_max
    async with service.db.transaction() as tx:
        excess = await budgets.summarise(tx, now, now - SUMMARY_AFTER)
        said = [condition.budget_spent(source, per_hour, count, now) for source, count in excess.items()]
        await say(tx, said, service, now)


async def on_time(service: Service) -> int:
    """Time has passed: reminders, ends of silences, ends of what is an event. Gives how many alerts hold."""
    await _forget_unreadable(service)
    await _summarise_excess(service)
    after, count = "", 0
    while fingerprints := await alerts.firing(service.db, after, SLICE):
        async with service.db.transaction() as tx:
            taken = await alerts.take_known(tx, fingerprints)
            await plan(tx, list(taken.values()), service, service.clock.now())
        after, count = fingerprints[-1], count + len(fingerprints)
    return count


async def _forget_unreadable(service: Service) -> None:
    """What could not be read is an event that is told once a day at most, so it ends by itself."""
    now = service.clock.now()
    name = condition.unreadable("", now).name
    silent = await alerts.firing_of_name(service.db, name, now - condition.UNREADABLE_OVER)
    if silent:
        await said_by_door([Resolved(one, now) for one in silent], service)


async def on_unreadable(tx: Transaction, bad: Sequence[Bad], service: Service) -> None:
    """A record that nobody can read may be an alert: somebody must look at it."""
    if bad:
        now = service.clock.now()
        await say(
            tx,
            [condition.unreadable(topic, now) for topic in sorted({one.topic for one in bad})],
            service,
            now,
        )


async def on_unreadable_door(door: str, service: Service) -> None:
    """The same for what came by HTTP."""
    await said_by_door([condition.unreadable(door, service.clock.now())], service)


async def on_set_aside(lane: str, what: str, service: Service) -> None:
    """A message to a topic cannot be sent and was set aside; the rest goes on."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        await incidents.open_all(
            tx, "unsendable_row", [(event_id("unsendable", lane, what), None, what)], now
        )
        await say(tx, [condition.unsendable(lane, now)], service, now)


def not_ahead(at: datetime, now: datetime) -> datetime:
    """An instant of somebody else's clock; one in the future would hide whatever is said until then."""
    return min(at, now)


async def _not_listed(tx: Transaction, listing: AlertsFiring, now: datetime) -> list[Resolved]:
    """Ends of alerts that a service has forgotten, or whose ends were lost with the broker."""
    at = not_ahead(listing.listed_at, now)
    over = await alerts.not_listed(tx, listing.service, listing.firing, at - NOT_LISTED_AFTER, SLICE)
    return [Resolved(fingerprint, at, service=listing.service) for fingerprint in over]


def _said(event: AlertRaised | AlertResolved, now: datetime) -> AlertEvent:
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
