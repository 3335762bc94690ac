"""Receipts close obligations; where holdings can be checked, a check verifies them first."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from clawback_common.kafka import offsets
from clawback_common.kafka.envelope import Batch, Received
from clawback_common.postgres import Transaction
from clawback_contracts.revocation.v1 import ArticleRemoved, Outcome
from compliance.domain import condition, obligation
from compliance.domain.obligation import Answer, HoldingsCheck, HoldingsVerdict, ReceiptOutcome, grace_period
from compliance.domain.order import Order
from compliance.gateways import metrics
from compliance.storage import controls, holders, obligations, receipts, revocations
from compliance.use_cases.orders import close_if_complete
from compliance.use_cases.own_orders import reissue, revoke_lost
from compliance.use_cases.service import GROUP, Service

CHECK_AGAIN = timedelta(seconds=5)
"""The delay after an answer without a result."""

UNREGISTERED = "unregistered"
"""All unregistered names share one alert, so that a sender of invented names cannot cause many alerts."""


async def on_receipts(batch: Batch[ArticleRemoved], service: Service, *, positions: bool = True) -> None:
    """Applies each receipt to its obligation; a repeated receipt changes nothing.

    Orders are issued in a second transaction, because it locks articles before their orders. The batch's position is
    stored only with the second one: after a crash in between, the batch is processed again with the same result.
    """
    async with service.db.transaction() as tx:
        meant = await _take_answers(tx, await _authenticated(tx, batch, service), service)
        contradicted = _contradicted(meant, service)
        if positions and not contradicted:
            await offsets.keep(tx, GROUP, batch)
    if contradicted:
        async with service.db.transaction() as tx:
            again = await reissue(tx, contradicted, service)
            await revoke_lost(tx, _removed(meant, contradicted), service)
            if positions:
                await offsets.keep(tx, GROUP, batch)
        metrics.count(again)


def _contradicted(meant: Iterable[tuple[Answer, ReceiptOutcome]], service: Service) -> dict[str, int]:
    """Returns the articles on which a store of ours knows a later order, with its number if the store names it.

    A superseded order of ours is answered in the same way, but then the answer closes its obligation.
    """
    found: dict[str, int] = {}
    for answer, meaning in meant:
        superseded = Outcome.SUPERSEDED in answer.removals.values()
        if answer.holder in service.settings.stores and (
            (meaning is ReceiptOutcome.INCOMPLETE and superseded) or meaning is ReceiptOutcome.UNKNOWN_ORDER
        ):
            number = answer.order_no if meaning is ReceiptOutcome.UNKNOWN_ORDER else 0
            found[answer.article_id] = max(number, found.get(answer.article_id, 0))
    return found


def _removed(meant: Iterable[tuple[Answer, ReceiptOutcome]], last: Mapping[str, int]) -> list[Answer]:
    """Returns the answers to the last order known to their holder that report a removal."""
    return [
        answer
        for answer, meaning in meant
        if meaning is ReceiptOutcome.UNKNOWN_ORDER
        and answer.order_no == last.get(answer.article_id)
        and obligation.REMOVALS.issuperset(answer.removals.values())
    ]


async def receipts_submitted(answers: Sequence[Answer], service: Service) -> list[ReceiptOutcome]:
    """Applies receipts that were submitted over HTTP. Returns the outcome of each."""
    async with service.db.transaction() as tx:
        return [meaning for _, meaning in await _take_answers(tx, answers, service)]


async def _authenticated(tx: Transaction, batch: Batch[ArticleRemoved], service: Service) -> list[Answer]:
    """Determines for each receipt whether the holder that it names sent it."""
    keys = await holders.signing_keys(tx, (one.value.holder for one in batch))
    required = service.settings.enable_auth
    return [
        Answer.of(
            one.value,
            one.topic,
            authenticated=_is_theirs(one, keys.get(one.value.holder, {}), required=required),
        )
        for one in batch
    ]


def _is_theirs(one: Received[ArticleRemoved], keys: Mapping[str, bytes], *, required: bool) -> bool:
    """Returns whether the record is signed by the holder that it names, with our own or a registered key.

    A holder with registered keys must always sign; others must sign only if authentication is on.
    """
    if one.sender is not None and one.sender.subject == one.value.holder:
        return True
    if one.signed is not None and one.signed.signature.key_id in keys:
        return one.signed.by(keys[one.signed.signature.key_id])
    return not (required or keys)


async def _take_answers(
    tx: Transaction, answers: Sequence[Answer], service: Service
) -> list[tuple[Answer, ReceiptOutcome]]:
    now = service.clock.now()
    places = await revocations.lock_by_order(tx, ((a.article_id, a.order_no) for a in answers))
    wanted = [
        (places[answer.article_id, answer.order_no], answer.holder)
        for answer in answers
        if (answer.article_id, answer.order_no) in places
    ]
    owed = await obligations.lock(tx, wanted)
    before = dict(owed)
    meant = []
    for answer in answers:
        place = places.get((answer.article_id, answer.order_no))
        key = (place.revocation_id, answer.holder) if place else None
        if not answer.authenticated:
            meant.append((answer, ReceiptOutcome.UNAUTHENTICATED))
        elif key is None:
            meant.append((answer, ReceiptOutcome.UNKNOWN_ORDER))
        elif key not in owed:
            meant.append((answer, ReceiptOutcome.NOT_OBLIGED))
        else:
            owed[key], meaning = obligation.fold(owed[key], answer, now)
            meant.append((answer, meaning))
    changed = [folded for key, folded in owed.items() if folded != before[key]]
    if changed:
        await obligations.save(tx, changed, now)
        for one in changed:
            if one.verified_at == now and one.opened_at is not None:
                metrics.closed(one.holder, [one.opened_at], now)
        closed = [one.revocation_id for one in changed if one.state in obligation.CLOSED]
        await close_if_complete(tx, closed, now)
    await receipts.save(tx, meant, now)
    await _report_strays(tx, meant, service, now)
    if any(meaning is ReceiptOutcome.REMOVED for _, meaning in meant):
        tx.on_commit(service.verifiers.wake)
    for _, meaning in meant:
        metrics.RECEIPTS.labels(meaning.value).inc()
    return meant


async def on_holdings_checked(asked: Iterable[UUID], checked: HoldingsCheck, service: Service) -> None:
    """Closes verified obligations, reopens those still held, and postpones those that are unknown.

    Args:
        asked: The orders of the question.
        checked: The holder's answer.
        service: The service.
    """
    found: dict[HoldingsVerdict, list[Order]] = {sight: [] for sight in HoldingsVerdict}
    async with service.db.transaction() as tx:
        now = service.clock.now()
        taken = await revocations.lock_orders(tx, asked)
        wrong = checked.ours and await _wrong(tx, checked, service, now)
        for one in taken:
            found[obligation.verdict(checked, one.article_id, one.order_no, wrong=wrong)].append(one)
        if removed := found[HoldingsVerdict.GONE]:
            proven = {one.revocation_id: _evidence(checked, one, now) for one in removed}
            opened = await obligations.verify(tx, checked.store, proven, now)
            metrics.closed(checked.store, opened, now)
            await close_if_complete(tx, list(proven), now)
        if held := found[HoldingsVerdict.HELD]:
            await _reopen_contradicted(tx, checked.store, held, service, now)
        if unknown := found[HoldingsVerdict.UNKNOWN]:
            ids = [one.revocation_id for one in unknown]
            await obligations.postpone_check(tx, checked.store, ids, now + CHECK_AGAIN)
    metrics.VERIFIED.labels(checked.store).inc(len(found[HoldingsVerdict.GONE]))
    if wrong or found[HoldingsVerdict.UNKNOWN]:
        metrics.CHECKS_FAILED.labels(checked.store).inc()


async def on_holdings_unavailable(
    asked: Iterable[UUID], holder: str, service: Service, after: timedelta = CHECK_AGAIN
) -> None:
    """Postpones the checks of a holder that did not answer."""
    at = service.clock.now() + after
    await obligations.postpone_check(service.db, holder, list(asked), at)
    metrics.CHECKS_FAILED.labels(holder).inc()


async def _wrong(tx: Transaction, checked: HoldingsCheck, service: Service, now: datetime) -> bool:
    """Returns whether a store has missed control articles for too long. Only here the alert is raised and resolved."""
    asked = [*checked.controls, *checked.not_needed]
    missing_before, since = await controls.record(tx, checked.store, asked, checked.missed, now)
    if since is None and not missing_before:
        return False
    wrong = since is not None and now - since >= grace_period(checked.store)
    conditions = [condition.store_wrong(checked.store)] if wrong else []
    await service.alert_publisher.sync(tx, f"holdings:{checked.store}", conditions, now)
    return wrong


def _evidence(checked: HoldingsCheck, order: Order, now: datetime) -> dict[str, object]:
    """Returns the evidence for a verification."""
    evidence: dict[str, object] = {"how": "holdings", "checked_at": now.isoformat()}
    proof = obligation.proof(checked, order.article_id, order.order_no)
    evidence |= {"proof": proof, "controls": len(checked.held), "control_ids": checked.held}
    if checked.orders is not None:
        evidence["applied_order"] = checked.orders.get(order.article_id)
    return evidence


async def _reopen_contradicted(
    tx: Transaction, holder: str, held: Sequence[Order], service: Service, now: datetime
) -> None:
    """Reopens orders of articles that a holder still held: resent to it alone, each time after a longer delay."""
    again = await obligations.reopen(tx, holder, [one.revocation_id for one in held], now)
    if again:
        await revocations.send_from(tx, again)
        await service.alert_publisher.begin(
            tx, condition.STILL_HELD, [condition.still_held(holder, len(again))], now
        )
        metrics.STILL_HELD.labels(holder).inc(len(again))


async def _report_strays(
    tx: Transaction, meant: Iterable[tuple[Answer, ReceiptOutcome]], service: Service, now: datetime
) -> None:
    found = {(meaning.value, answer.holder) for answer, meaning in meant if meaning in obligation.STRAY}
    registered = await holders.registered(tx, {name for _, name in found}) if found else set()
    strays = {
        (meaning, name if name in registered else UNREGISTERED)
        for meaning, name in found
        # a holder that reads from the beginning answers orders that were closed before it registered
        if not (meaning == ReceiptOutcome.NOT_OBLIGED.value and name in registered)
    }
    conditions = [condition.stray_receipt(meaning, holder) for meaning, holder in sorted(strays)]
    await service.alert_publisher.raise_event(tx, conditions, now)
