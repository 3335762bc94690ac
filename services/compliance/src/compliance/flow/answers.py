"""Answers close obligations; where we can look, we look before we believe."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from clawback_common.bus import offsets
from clawback_common.bus.envelope import Batch, Received
from clawback_common.db import Transaction
from clawback_contracts.revocation.v1 import ArticleRemoved
from compliance.domain import condition, obligation
from compliance.domain.obligation import Answer, Looked, Meaning, Sight
from compliance.domain.order import Order
from compliance.flow.orders import send_again, settle
from compliance.flow.service import GROUP, Service
from compliance.outlet import metrics
from compliance.state import holders, obligations, receipts, revocations

LOOK_AGAIN = timedelta(seconds=5)
"""After an answer that was worth nothing."""


UNREGISTERED = "unregistered"
"""Names that nobody registered share one alert: a sender who invents names must not flood anybody."""


async def on_receipts(batch: Batch[ArticleRemoved], service: Service, *, positions: bool = True) -> None:
    """Fold each answer into its obligation; the same one again changes nothing."""
    async with service.db.transaction() as tx:
        await _take_answers(tx, await _authenticated(tx, batch, service), service)
        if positions:
            await offsets.keep(tx, GROUP, batch)


async def receipts_submitted(answers: Sequence[Answer], service: Service) -> list[Meaning]:
    """The same for answers that came by HTTP. Gives what each meant."""
    async with service.db.transaction() as tx:
        return [meaning for _, meaning in await _take_answers(tx, answers, service)]


async def _authenticated(tx: Transaction, batch: Batch[ArticleRemoved], service: Service) -> list[Answer]:
    """Finds out of each whether the holder that it names has sent it."""
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
    """Whether a record is signed by the holder that it names: a service of ours, or with a key that it registered.

    A holder that registered keys signs in any case; of others nothing is asked where authentication is off.
    """
    if one.sender is not None and one.sender.subject == one.value.holder:
        return True
    if one.signed is not None and one.signed.signature.key_id in keys:
        return one.signed.by(keys[one.signed.signature.key_id])
    return not (required or keys)


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
        if not answer.authenticated:
            meant.append((answer, Meaning.UNAUTHENTICATED))
        elif key is None:
            meant.append((answer, Meaning.UNKNOWN_ORDER))
        elif key not in owed:
            meant.append((answer, Meaning.NOT_OBLIGED))
        else:
            owed[key], meaning = obligation.fold(owed[key], answer, now)
            meant.append((answer, meaning))
    changed = [folded for key, folded in owed.items() if folded != before[key]]
    if changed:
        await obligations.put(tx, changed, now)
        await settle(tx, [folded.revocation_id for folded in changed], now)
    await receipts.put(tx, meant, now)
    await _say_strays(tx, meant, service, now)
    if any(meaning is Meaning.REMOVED for _, meaning in meant):
        tx.on_commit(service.wake_looking)
    for _, meaning in meant:
        metrics.RECEIPTS.labels(meaning.value).inc()
    return meant


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
            await settle(tx, found[Sight.GONE], now)
        if found[Sight.HELD]:
            await _press_liar(tx, looked.store, taken, found[Sight.HELD], service, now)
        if found[Sight.UNKNOWN]:
            await obligations.look_later(tx, looked.store, found[Sight.UNKNOWN], now + LOOK_AGAIN)
        wrong = [condition.store_wrong(looked.store)] if looked.wrong else []
        await service.announcer.say(tx, f"holdings:{looked.store}", wrong, now)
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
        await send_again(tx, again, service, now)
        await service.announcer.say_once(tx, [condition.still_held(store, len(reopened))], now)
        metrics.STILL_HELD.labels(store).inc(len(reopened))


async def _say_strays(
    tx: Transaction, meant: Iterable[tuple[Answer, Meaning]], service: Service, now: datetime
) -> None:
    found = {
        (meaning.value, answer.holder)
        for answer, meaning in meant
        if meaning in {Meaning.UNKNOWN_ORDER, Meaning.NOT_OBLIGED, Meaning.UNAUTHENTICATED}
    }
    registered = await holders.registered(tx, {name for _, name in found}) if found else set()
    strays = {(meaning, name if name in registered else UNREGISTERED) for meaning, name in found}
    said = [condition.stray_receipt(meaning, holder) for meaning, holder in sorted(strays)]
    await service.announcer.say_once(tx, said, now)
