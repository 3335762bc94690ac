"""Recovery of orders that the database lost in a restore, from our own topic.

Every order is committed before it is sent. So an order on the topic that the database does not know was lost in a
restore, or compliance never issued it. No order is issued before the topic is read up to its end at the start.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from clawback_common.kafka import offsets
from clawback_common.kafka.envelope import Batch, Received
from clawback_common.messaging import incidents
from clawback_common.postgres import Transaction
from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.v1 import ArticleReinstated
from compliance.domain import condition
from compliance.domain.notice import lost_notice
from compliance.domain.obligation import Answer
from compliance.domain.order import CLOCK_AHEAD_MAX, IssueOrder, next_number, recovered, reissued
from compliance.gateways import metrics
from compliance.storage import articles, holders, notices, obligations, revocations
from compliance.use_cases.incidents import INCIDENTS
from compliance.use_cases.orders import carry_out, take_notices
from compliance.use_cases.service import GROUP, Service


async def on_own_orders(batch: Batch[AnyOrder], service: Service, *, positions: bool = True) -> None:
    """Recovers orders that the database lost, with the notices that they answer."""
    if service.own_orders is not None:
        await service.own_orders.begin()
    async with service.db.transaction() as tx:
        now = service.clock.now()
        unknown = await revocations.unknown(tx, ((one.value.article_id, one.value.order) for one in batch))
        lost = [one for one in batch if (one.value.article_id, one.value.order) in unknown]
        if lost:
            believed = [one for one in lost if _is_ours(one, service, now)]
            await _recover(tx, [one.value for one in believed], service, now)
            await _report_forged([one for one in lost if one not in believed], tx, service, now)
        await notices.recover(tx, [one.value for one in batch], now)
        if positions:
            await offsets.keep(tx, GROUP, batch)


def _is_ours(one: Received[AnyOrder], service: Service, now: datetime) -> bool:
    """Returns whether compliance issued this order.

    The signature proves it. Without authentication there are no signatures. Then only orders that were on the topic
    when this process started can be lost ones, because nothing is issued before all of them are read.
    """
    if one.value.order > next_number(0, now + CLOCK_AHEAD_MAX):
        return False
    if one.sender is not None:
        return one.sender.subject == GROUP
    return not service.settings.enable_auth and (
        service.own_orders is None or service.own_orders.was_there(one.partition, one.offset)
    )


async def _recover(tx: Transaction, orders: Sequence[AnyOrder], service: Service, now: datetime) -> None:
    """Recovers the latest sending of each order, in the order of their numbers: each replaces the earlier ones."""
    latest = {(one.article_id, one.order): one for one in sorted(orders, key=lambda one: one.attempt)}
    found = [latest[key] for key in sorted(latest)]
    if not found:
        return
    await holders.lock_shared(tx)
    await articles.lock_or_create(tx, (one.article_id for one in found), now)
    await revocations.lock(tx, (one.article_id for one in found), [])
    there = {one.revocation_id for one in found if not isinstance(one, ArticleReinstated)}
    there |= await revocations.existing(tx, (one.revocation_id for one in found))
    ordered = [
        recovered(one, service.deadlines)
        for one in found
        if not isinstance(one, ArticleReinstated) or one.revocation_id in there
    ]
    await articles.raise_heads(tx, [(one.article_id, one.order) for one in found], now)
    await revocations.insert(tx, ordered, now)
    heads = {one.article_id: one for one in ordered}
    await articles.save(tx, list(heads.values()), now)
    await _supersede(tx, ordered, now)
    await obligations.open_all(tx, (one.revocation_id for one in heads.values()), now)
    await revocations.reopen(tx, (one.revocation_id for one in heads.values()), now)
    metrics.RECOVERED.inc(len(ordered))
    await service.alert_publisher.raise_event(tx, [condition.orders_recovered()], now)


async def reissue(tx: Transaction, contradicted: Mapping[str, int], service: Service) -> list[IssueOrder]:
    """Issues orders again with numbers above those that our stores know.

    A database that was restored without the topic has lost later orders: an article is revoked or withheld here, and a
    store knows a later order. The known notice is still valid, so the article is revoked or withheld again, with a
    number above every number that a holder knows.

    Args:
        tx: The transaction; everything is committed together.
        contradicted: The articles, with the number that a store knows of each; 0 if it named none.
        service: The service.

    Raises:
        Transient: Our own topic of orders is not read completely yet.
    """
    await service.require_own_orders()
    now = service.clock.now()
    await holders.lock_shared(tx)
    known = await articles.lock_or_create(tx, contradicted, now)
    highest = next_number(0, now + CLOCK_AHEAD_MAX)
    believed = {
        article_id: number
        for article_id, number in contradicted.items()
        if number == 0 or known[article_id].order_no < number <= highest
    }
    if not believed:
        return []
    await articles.raise_heads(tx, believed.items(), now)
    heads = await articles.lock_or_create(tx, believed, now)
    await revocations.lock(tx, believed, [])
    in_force = {
        one.revocation_id: one
        for one in heads.values()
        if (one.revoked or one.withheld) and one.revocation_id is not None
    }
    again = [
        reissued(one, in_force[one.revocation_id].order_no, now)
        for one in await revocations.lock_orders(tx, in_force)
    ]
    await carry_out(tx, again, service, now)
    return again


async def revoke_lost(tx: Transaction, answers: Sequence[Answer], service: Service) -> None:
    """Revokes articles that a store of ours was ordered to remove by an order that only the store knows.

    A database that was restored without the topic has lost the revocation and its notice. Other holders may not have
    removed their copies. `reissue` has already raised the order numbers.
    """
    if not answers:
        return
    now = service.clock.now()
    heads = await articles.lock_or_create(tx, (one.article_id for one in answers), now)
    noticed = {
        one.article_id: lost_notice(one.article_id, one.order_no, one.holder, one.answered_at)
        for one in answers
        if heads[one.article_id].order_no == one.order_no and not heads[one.article_id].revoked
    }
    if noticed:
        await take_notices(tx, list(noticed.values()), service)
        await service.alert_publisher.raise_event(tx, [condition.orders_recovered()], now)


async def _supersede(tx: Transaction, ordered: Sequence[IssueOrder], now: datetime) -> None:
    later = [one for one in ordered if one.previous_order > 0]
    if later:
        await obligations.supersede(tx, await revocations.close_earlier(tx, later, now), now)
    for one in ordered:
        if one.reinstates is not None:
            await revocations.reinstate(tx, one.reinstates, one.ordered_by, one.ordered_at)


async def _report_forged(
    forged: Sequence[Received[AnyOrder]], tx: Transaction, service: Service, now: datetime
) -> None:
    """Opens incidents for orders on our topic that compliance did not issue; the orders are not applied."""
    if not forged:
        return
    found = {(one.value.article_id, one.value.order): one for one in forged}
    await incidents.open_all(
        tx,
        "order_not_issued",
        [
            (
                event_id("order_not_issued", *key),
                one.value.article_id,
                f"{one.topic}-{one.partition} offset {one.offset}: compliance did not issue order {one.value.order}",
            )
            for key, one in sorted(found.items())
        ],
        now,
    )
    waiting = [condition.unreadable(await incidents.open_count(tx))]
    await service.alert_publisher.sync(tx, INCIDENTS, waiting, now, again=True)
