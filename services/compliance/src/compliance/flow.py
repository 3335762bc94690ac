"""The story of a takedown: a notice becomes an order, holders answer it, and where we can look, we look.

One function an event, one transaction each. Rows are taken in one order everywhere: articles, orders, obligations,
each by id; so no two of these functions can wait for one another in a circle.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from clawback_common import incidents
from clawback_common.bus import offsets
from clawback_common.bus.envelope import Batch, Message
from clawback_common.clock import Clock
from clawback_common.db import Database, Transaction
from clawback_common.db.pool import Row
from clawback_common.errors import Conflict
from clawback_common.outbox.orders import OrdersOutbox
from clawback_common.quarantine import Bad
from clawback_contracts.envelope import event_id
from clawback_contracts.holder.v1 import HolderKind, HolderRegistration
from clawback_contracts.revocation.v1 import ArticleRemoved, RevocationNoticed
from compliance.domain import condition, obligation, order
from compliance.domain.condition import Condition
from compliance.domain.notice import Notice
from compliance.domain.obligation import Answer, Looked, Meaning, Sight
from compliance.domain.order import Decision, Order, Ordered, SaidAgain
from compliance.outlet import alerts, events, metrics
from compliance.settings import Settings
from compliance.state import articles, holders, notices, obligations, receipts, revocations, watches

GROUP = "compliance"
LOOK_AGAIN = timedelta(seconds=5)
"""After an answer that was worth nothing."""
SAID_AGAIN = timedelta(hours=1)
"""A condition that goes on is said again so often."""
EVENT_OVER = timedelta(hours=24)
EVENTS = "events"
INCIDENTS = "incidents"
ON_BROKERS = timedelta(hours=8)
"""Content leaves the brokers within 7 hours, so a holder that joins may read what was published before that."""


@dataclass(frozen=True, slots=True)
class Service:
    """What every part of the story needs."""

    settings: Settings
    db: Database
    outbox: OrdersOutbox
    clock: Clock
    wake_looking: Callable[[], None]
    """Called after a commit that leaves something to look at."""

    @property
    def deadline(self) -> timedelta:
        """From the start of the clock to the end of every copy."""
        return timedelta(hours=self.settings.takedown_deadline_h)


async def on_notices(batch: Batch[RevocationNoticed], service: Service) -> None:
    """Answer each notice with its order, new or repeated, however often it comes."""
    noticed = [Notice.of(one.value, one.traceparent) for one in batch]
    async with service.db.transaction() as tx:
        await _take_notices(tx, noticed, service)
        await offsets.keep(tx, GROUP, batch)


async def notices_submitted(noticed: Sequence[Notice], service: Service) -> dict[str, UUID]:
    """The same for notices that came by HTTP. Gives the order of each article."""
    async with service.db.transaction() as tx:
        return await _take_notices(tx, noticed, service)


async def _take_notices(tx: Transaction, noticed: Sequence[Notice], service: Service) -> dict[str, UUID]:
    now = service.clock.now()
    await holders.hold_still(tx)
    standing = await articles.take(tx, (notice.article_id for notice in noticed), now)
    known = await notices.known(tx, noticed)
    by_article: dict[str, list[Notice]] = {}
    for notice in noticed:
        by_article.setdefault(notice.article_id, []).append(notice)
    decisions = [
        decision
        for article_id, said in by_article.items()
        for decision in order.decide(standing[article_id], said, known, now=now, deadline=service.deadline)
    ]
    await _carry_out(tx, decisions, service, now)
    await notices.put(tx, noticed, decisions, now)
    await _say_backlog(tx, decisions, service, now)
    metrics.count(decisions)
    return {notice.article_id: known[notice.notice_id] for notice in noticed if notice.notice_id in known} | {
        notice.article_id: decision.revocation_id for decision in decisions for notice in decision.notices
    }


async def _carry_out(tx: Transaction, decisions: Sequence[Decision], service: Service, now: datetime) -> None:
    """Gives the new orders, and sends the others once more."""
    new = [decision for decision in decisions if isinstance(decision, Ordered)]
    again = [decision for decision in decisions if isinstance(decision, SaidAgain)]
    if new:
        await articles.put(tx, new, now)
        await revocations.put(tx, new, now)
        later = [decision for decision in new if decision.order_no > 1]
        if later:
            await obligations.supersede(tx, await revocations.close_earlier(tx, later, now), now)
        await obligations.open_all(tx, (decision.revocation_id for decision in new), now)
        cited = {d.revocation_id: [notice.notice_id for notice in d.notices] for d in new}
        await service.outbox.put(tx, events.orders([Order.of(d) for d in new], cited, now))
    if again:
        taken = await revocations.take(tx, (decision.revocation_id for decision in again))
        earliest = {d.revocation_id: d.clock_started_at for d in again}
        said = {d.revocation_id: [notice.notice_id for notice in d.notices] for d in again}
        await _send_again(tx, taken, service, now, earliest=earliest, cited=said)


async def _send_again(
    tx: Transaction,
    taken: Sequence[Order],
    service: Service,
    now: datetime,
    *,
    earliest: Mapping[UUID, datetime | None] | None = None,
    cited: Mapping[UUID, Sequence[UUID]] | None = None,
) -> None:
    """Sends orders that are taken once more, with a clock set back where that is called for."""
    clocks = earliest or {}
    again = [one.said_again(clocks.get(one.revocation_id), service.deadline) for one in taken]
    set_back = [one for one, before in zip(again, taken, strict=True) if one.due_at < before.due_at]
    await revocations.sent(tx, again, now)
    if set_back:
        await obligations.set_back(tx, set_back, now)
    await service.outbox.put(tx, events.orders(again, cited or {}, now))
    metrics.SENT_AGAIN.inc(len(again))


async def press(service: Service, limit: int = 500) -> int:
    """Send open orders again whose time has come. Gives how many."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        due = await revocations.take_due(tx, now, limit)
        settled = await _settle(tx, [one.revocation_id for one in due], now)
        pressing = [one for one in due if one.revocation_id not in settled]
        if pressing:
            await _send_again(tx, pressing, service, now)
    return len(due)


async def reinstate(revocation_id: UUID, lifted_by: str, note: str, service: Service) -> Ordered:
    """Lift the revocation that stands on an article.

    Raises:
        Conflict: it is not the one that stands.
    """
    async with service.db.transaction() as tx:
        now = service.clock.now()
        await holders.hold_still(tx)
        standing = await articles.take_by_revocation(tx, revocation_id)
        if standing is None:
            raise Conflict("there is no such order")
        lifting = order.lift(
            standing, revocation_id, now=now, lifted_by=lifted_by, deadline=service.deadline, reason=note
        )
        if lifting is None:
            raise Conflict("this order does not stand: it was lifted, or a later one took its place")
        await revocations.lift(tx, revocation_id, lifted_by, now)
        await _carry_out(tx, [lifting], service, now)
    metrics.count([lifting])
    return lifting


async def on_receipts(batch: Batch[ArticleRemoved], service: Service) -> None:
    """Fold each answer into its obligation; the same one again changes nothing."""
    answers = [Answer.of(one.value, one.topic) for one in batch]
    async with service.db.transaction() as tx:
        await _take_answers(tx, answers, service)
        await offsets.keep(tx, GROUP, batch)


async def receipts_submitted(answers: Sequence[Answer], service: Service) -> list[Meaning]:
    """The same for answers that came by HTTP. Gives what each meant."""
    async with service.db.transaction() as tx:
        return [meaning for _, meaning in await _take_answers(tx, answers, service)]


async def _take_answers(
    tx: Transaction, answers: Sequence[Answer], service: Service
) -> list[tuple[Answer, Meaning]]:
    now = service.clock.now()
    places = await revocations.take_by_order(tx, ((a.article_id, a.order_no) for a in answers))
    wanted = [
        (places[answer.article_id, answer.order_no], answer.holder)
        for answer in answers
        if (answer.article_id, answer.order_no) in places
    ]
    owed = await obligations.take(tx, wanted)
    before = dict(owed)
    meant = []
    for answer in answers:
        place = places.get((answer.article_id, answer.order_no))
        key = (place.revocation_id, answer.holder) if place else None
        if key is None:
            meant.append((answer, Meaning.UNKNOWN_ORDER))
        elif key not in owed:
            meant.append((answer, Meaning.NOT_OBLIGED))
        else:
            owed[key], meaning = obligation.fold(owed[key], answer, now)
            meant.append((answer, meaning))
    changed = [folded for key, folded in owed.items() if folded != before[key]]
    if changed:
        await obligations.put(tx, changed, now)
        await _settle(tx, [folded.revocation_id for folded in changed], now)
    await receipts.put(tx, meant, now)
    await _say_strays(tx, meant, service, now)
    if any(meaning is Meaning.REMOVED for _, meaning in meant):
        tx.on_commit(service.wake_looking)
    for _, meaning in meant:
        metrics.RECEIPTS.labels(meaning.value).inc()
    return meant


async def _settle(tx: Transaction, revocation_ids: Sequence[UUID], now: datetime) -> set[UUID]:
    """Closes orders that nobody has to answer any more."""
    if not revocation_ids:
        return set()
    closed = await revocations.settle(tx, revocation_ids, now)
    for ordered_at in closed.values():
        metrics.CLOSED_AFTER.observe((now - ordered_at).total_seconds())
    return set(closed)


async def on_looked(asked: Mapping[UUID, str], looked: Looked, service: Service) -> None:
    """Close what is gone, press again for what is still held, look later for what is unknown.

    Args:
        asked: the article of each order that the question was about.
        looked: what the store said.
        service: where it is written down.
    """
    found: dict[Sight, list[UUID]] = {sight: [] for sight in Sight}
    for revocation_id, article_id in asked.items():
        found[obligation.seen(looked, article_id)].append(revocation_id)
    async with service.db.transaction() as tx:
        now = service.clock.now()
        taken = await revocations.take(tx, asked)
        evidence = {"how": "holdings", "looked_at": now.isoformat(), "controls": looked.controls}
        if found[Sight.GONE]:
            await obligations.verify(tx, looked.store, found[Sight.GONE], evidence, now)
            await _settle(tx, found[Sight.GONE], now)
        if found[Sight.HELD]:
            await _press_liar(tx, looked.store, taken, found[Sight.HELD], service, now)
        if found[Sight.UNKNOWN]:
            await obligations.look_later(tx, looked.store, found[Sight.UNKNOWN], now + LOOK_AGAIN)
        wrong = [condition.store_wrong(looked.store)] if looked.wrong else []
        await _say(tx, f"holdings:{looked.store}", wrong, service, now)
    metrics.VERIFIED.labels(looked.store).inc(len(found[Sight.GONE]))
    if found[Sight.UNKNOWN]:
        metrics.LOOKS_FAILED.labels(looked.store).inc()


async def _press_liar(
    tx: Transaction, store: str, taken: Sequence[Order], held: Sequence[UUID], service: Service, now: datetime
) -> None:
    reopened = set(await obligations.reopen(tx, store, held, now))
    if reopened:
        await revocations.reopen(tx, reopened, now)
        again = [replace(one, pressing_since=now) for one in taken if one.revocation_id in reopened]
        await _send_again(tx, again, service, now)
        await _say_once(tx, [condition.still_held(store, len(reopened))], service, now)
        metrics.STILL_HELD.labels(store).inc(len(reopened))


async def holder_registered(registration: HolderRegistration, by: str, service: Service) -> None:
    """Register a holder or change it; one that is new owes what it may still read on the brokers."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        await holders.hold_alone(tx)
        there = await holders.one(tx, registration.name)
        if there is not None and there["status"] == "active":
            if holders.registration(there) != registration:
                await holders.put(tx, registration, by, "changed", now)
            return
        standing = await revocations.take_standing_since(tx, now - ON_BROKERS)
        await holders.put(tx, registration, by, "registered", now)
        obliged = await obligations.open_all(tx, standing, now, registration.name)
        if obliged and registration.kind is not HolderKind.EXPIRY:
            await revocations.reopen(tx, obliged, now)


async def holder_left(name: str, by: str, service: Service, *, force: bool) -> None:
    """A holder takes no more articles. What it owes it still owes.

    Raises:
        Conflict: it owes something, and nobody insisted.
    """
    async with service.db.transaction() as tx:
        await holders.hold_alone(tx)
        owed = await obligations.unclosed_of_holder(tx, name)
        if owed and not force:
            raise Conflict(
                f"{owed} obligations of this holder are not closed; with force=true it leaves all the same, and "
                "they stay open"
            )
        await holders.leave(tx, name, by, service.clock.now())


async def on_unreadable(tx: Transaction, bad: Sequence[Bad], service: Service) -> None:
    """A record on a revocation topic that nobody can read may be a takedown: a person must find out."""
    if bad:
        now = service.clock.now()
        await incidents.open_for_unreadable(tx, bad, now)
        await _say(
            tx, INCIDENTS, [condition.unreadable(await incidents.open_count(tx))], service, now, again=True
        )


async def incident_closed(incident_id: UUID, by: str, note: str, service: Service) -> Row | None:
    """A person has found out. Gives the incident, None when there is none open; the last one ends the alert."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        closed = await incidents.close(tx, incident_id, by, note, now)
        if closed is not None and not await incidents.open_count(tx):
            await _say(tx, INCIDENTS, [], service, now)
    return closed


async def on_set_aside(lane: str, what: str, service: Service) -> None:
    """A message that cannot be sent was set aside; the rest goes on."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        await incidents.open_all(
            tx, "unsendable_row", [(event_id("unsendable", lane, what), None, what)], now
        )
        await _say_once(tx, [condition.unsendable(lane)], service, now)


async def on_conditions(watcher: str, conditions: Sequence[Condition], service: Service) -> None:
    """What a watcher finds now: the new is raised, what goes on is repeated, what ended is taken back."""
    async with service.db.transaction() as tx:
        await _say(tx, watcher, conditions, service, service.clock.now())


async def on_silence(service: Service) -> None:
    """What was an event rather than a state ends when it has not come again for a day."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        silent = await watches.silent(tx, EVENTS, now - EVENT_OVER)
        await service.outbox.put(tx, await _resolved(tx, silent, now))


async def _say(
    tx: Transaction,
    watcher: str,
    conditions: Sequence[Condition],
    service: Service,
    now: datetime,
    *,
    again: bool = False,
) -> None:
    """``again``: said anew even where it was said a moment ago."""
    held = await watches.take(tx, watcher)
    messages = await _raised(tx, watcher, conditions, now, now if again else now - SAID_AGAIN)
    holding = {one.fingerprint for one in conditions}
    messages += await _resolved(tx, [known for known in held if known not in holding], now)
    await service.outbox.put(tx, messages)


async def _say_once(
    tx: Transaction, conditions: Sequence[Condition], service: Service, now: datetime
) -> None:
    """Raise what is an event rather than a state, at most once in a while however often it comes."""
    await service.outbox.put(tx, await _raised(tx, EVENTS, conditions, now, now - SAID_AGAIN))


async def _raised(
    tx: Transaction, watcher: str, conditions: Sequence[Condition], now: datetime, said_before: datetime
) -> list[Message]:
    if not conditions:
        return []
    numbers = await watches.raise_all(tx, watcher, conditions, now, said_before)
    return alerts.raised([one for one in conditions if one.fingerprint in numbers], numbers, now)


async def _resolved(tx: Transaction, fingerprints: Sequence[str], now: datetime) -> list[Message]:
    if not fingerprints:
        return []
    over = await watches.resolve(tx, fingerprints, now)
    return [alerts.resolved(row["fingerprint"], row["name"], row["occurrence"], now) for row in over]


async def _say_backlog(
    tx: Transaction, decisions: Sequence[Decision], service: Service, now: datetime
) -> None:
    late: dict[str, int] = {}
    for decision in decisions:
        if isinstance(decision, Ordered) and decision.backlog:
            late[decision.ordered_by] = late.get(decision.ordered_by, 0) + 1
    await _say_once(tx, [condition.backlog(feed, count) for feed, count in late.items()], service, now)


async def _say_strays(
    tx: Transaction, meant: Iterable[tuple[Answer, Meaning]], service: Service, now: datetime
) -> None:
    strays = {
        (meaning.value, answer.holder)
        for answer, meaning in meant
        if meaning in {Meaning.UNKNOWN_ORDER, Meaning.NOT_OBLIGED}
    }
    said = [condition.stray_receipt(meaning, holder) for meaning, holder in sorted(strays)]
    await _say_once(tx, said, service, now)
