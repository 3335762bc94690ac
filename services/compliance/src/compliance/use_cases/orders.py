"""Notices become orders, and orders are resent until they are answered."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from clawback_common.errors import Conflict
from clawback_common.http.api_keys import BOUND_ROLES, UNBOUND_ROLE, Caller
from clawback_common.kafka import offsets
from clawback_common.kafka.envelope import Batch
from clawback_common.postgres import Transaction
from clawback_contracts.revocation.v1 import RevocationNoticed
from compliance.domain import condition, order
from compliance.domain.notice import (
    FEEDS,
    INGESTER,
    UNKNOWN_SENDER,
    Notice,
    Sender,
    authoritative,
    repeated_ids,
)
from compliance.domain.order import Decision, IssueOrder, Order, ResendOrder
from compliance.gateways import events, metrics
from compliance.storage import articles, holders, notices, obligations, requests, revocations
from compliance.storage.obligations import OpenHolders
from compliance.use_cases import approval
from compliance.use_cases.approval import Mode
from compliance.use_cases.incidents import reused_ids
from compliance.use_cases.service import GROUP, Service


async def on_notices(batch: Batch[RevocationNoticed], service: Service, *, positions: bool = True) -> None:
    """Answers each notice with its order, new or repeated, however often it arrives."""
    required = service.settings.enable_auth
    noticed = authoritative(
        [Notice.of(one.value, one.traceparent, sender_of(one.sender, required=required)) for one in batch]
    )
    async with service.db.transaction() as tx:
        await take_notices(tx, noticed, service)
        if positions:
            await offsets.keep(tx, GROUP, batch)


def sender_of(caller: Caller | None, *, required: bool) -> Sender:
    """Returns the sender of a record. Without required signatures, an unsigned record counts as the ingester's."""
    if caller is None:
        return UNKNOWN_SENDER if required else FEEDS
    if caller.subject == INGESTER:
        return FEEDS
    providers = frozenset[str]() if caller.roles.isdisjoint(BOUND_ROLES) else caller.providers
    return Sender(caller.subject, any_provider=UNBOUND_ROLE in caller.roles, providers=providers)


async def take_notices(
    tx: Transaction,
    noticed: Sequence[Notice],
    service: Service,
    *,
    mode: Mode = Mode.LIMITED,
) -> dict[str, UUID]:
    """Issues or repeats the orders for these notices.

    Args:
        tx: The transaction; everything is committed together.
        noticed: The notices in order of arrival.
        service: The service.
        mode: Whether a second person is needed.

    Returns:
        The order of each article.

    Raises:
        Transient: Our own topic of orders is not read completely yet.
    """
    await service.require_own_orders()
    now = service.clock.now()
    await holders.lock_shared(tx)
    await approval.lock_subjects(tx, noticed)
    heads = await articles.lock_or_create(tx, (notice.article_id for notice in noticed), now)
    known, reused = await notices.known(tx, noticed, revoking_only=mode is Mode.APPROVED)
    limits = await approval.limits(tx, noticed, known, heads, service, mode)
    by_article: dict[str, list[Notice]] = {}
    for notice in noticed:
        by_article.setdefault(notice.article_id, []).append(notice)
    decisions = [
        decision
        for article_id, received in by_article.items()
        for decision in order.decide(
            heads[article_id],
            received,
            known,
            now=now,
            deadlines=service.deadlines,
            limited=limits.limited,
        )
    ]
    decisions = await approval.gather(tx, decisions, limits, heads, service)
    await carry_out(tx, decisions, service, now)
    await notices.save(tx, noticed, decisions, now, limits.counted)
    await _report_backlog(tx, decisions, service, now)
    await reused_ids(tx, [*reused, *repeated_ids(noticed)], service, now)
    metrics.count(decisions)
    return {notice.article_id: known[notice.key] for notice in noticed if notice.key in known} | {
        notice.article_id: decision.revocation_id for decision in decisions for notice in decision.notices
    }


async def carry_out(tx: Transaction, decisions: Sequence[Decision], service: Service, now: datetime) -> None:
    """Issues the new orders, and sends the others again."""
    new = [decision for decision in decisions if isinstance(decision, IssueOrder)]
    again = [decision for decision in decisions if isinstance(decision, ResendOrder)]
    later = [decision for decision in new if decision.previous_order > 0]
    cited = {one.revocation_id: [notice.notice_id for notice in one.notices] for one in decisions}
    await revocations.lock(tx, (one.article_id for one in later), (one.revocation_id for one in again))
    if new:
        await articles.save(tx, new, now)
        await revocations.insert(tx, new, now)
        if later:
            await obligations.supersede(tx, await revocations.close_earlier(tx, later, now), now)
        await obligations.open_all(tx, (decision.revocation_id for decision in new), now)
        await service.outbox.put(tx, events.orders(new, cited, now))
    if again:
        taken = await revocations.lock_orders(tx, (decision.revocation_id for decision in again))
        earliest = {d.revocation_id: (d.clock_started_at, d.due_at) for d in again}
        await send_again(tx, taken, service, now, earliest=earliest, cited=cited)


async def send_again(
    tx: Transaction,
    taken: Sequence[Order],
    service: Service,
    now: datetime,
    *,
    earliest: Mapping[UUID, tuple[datetime | None, datetime | None]] | None = None,
    cited: Mapping[UUID, Sequence[UUID]] | None = None,
) -> None:
    """Sends locked orders again, with an earlier clock start if a notice requires it.

    Every holder applies the order; only those with open obligations are asked to answer.
    """
    times = earliest or {}
    again = [one.sent_again(*times.get(one.revocation_id, (None, None))) for one in taken]
    set_back = [one for one, before in zip(again, taken, strict=True) if one.due_at < before.due_at]
    owing = await obligations.open_holders(tx, [one.revocation_id for one in taken], now)
    await revocations.sent(tx, again, now, {order: one.next_at for order, one in owing.items()})
    if set_back:
        await obligations.update_due(tx, set_back, now)
    addressed = {one.revocation_id: owing.get(one.revocation_id, OpenHolders()).due for one in again}
    await service.outbox.put(tx, events.orders(again, cited or {}, now, addressed))
    metrics.SENT_AGAIN.inc(len(again))


async def resend_due(service: Service, limit: int = 500) -> int:
    """Resends open orders that are due. Returns how many."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        due = await revocations.lock_due(tx, now, limit)
        settled = await close_if_complete(tx, [one.revocation_id for one in due], now)
        resendable = [one for one in due if one.revocation_id not in settled]
        owing = await obligations.open_holders(tx, [one.revocation_id for one in resendable], now)
        to_send = [one for one in resendable if owing.get(one.revocation_id, OpenHolders()).due]
        later = [one for one in resendable if one not in to_send]
        if to_send:
            await send_again(tx, to_send, service, now)
        if later:
            await revocations.postpone(tx, later, now, {order: one.next_at for order, one in owing.items()})
    return len(due)


async def reinstate(revocation_id: UUID, lifted_by: str, note: str, service: Service) -> IssueOrder:
    """Reinstates a revoked article, or one that is withheld without an open request.

    Raises:
        Conflict: It is not the order in force, or the officer has reached the limit.
        Transient: Our own topic of orders is not read completely yet.
    """
    await service.require_own_orders()
    async with service.db.transaction() as tx:
        now = service.clock.now()
        await holders.lock_shared(tx)
        await approval.may_reinstate(tx, lifted_by, service)
        head = await articles.lock_by_revocation(tx, revocation_id)
        if head is None:
            raise Conflict("there is no such order")
        if head.withheld and await requests.wanted(tx, [head.article_id]):
            raise Conflict("this article is withheld until a decision on its request: refuse that request")
        lifting = order.reinstatement(
            head, revocation_id, now=now, lifted_by=lifted_by, deadlines=service.deadlines, reason=note
        )
        if lifting is None:
            raise Conflict("this order is not in force: it was reinstated, or a later one replaced it")
        await revocations.lock(tx, [head.article_id], [])
        await revocations.reinstate(tx, revocation_id, lifted_by, now)
        await carry_out(tx, [lifting], service, now)
    metrics.count([lifting])
    return lifting


async def close_if_complete(tx: Transaction, revocation_ids: Sequence[UUID], now: datetime) -> set[UUID]:
    """Closes orders without open prompt obligations."""
    if not revocation_ids:
        return set()
    closed = await revocations.close_if_complete(tx, revocation_ids, now)
    for ordered_at in closed.values():
        metrics.CLOSED_AFTER.observe((now - ordered_at).total_seconds())
    return set(closed)


async def _report_backlog(
    tx: Transaction, decisions: Sequence[Decision], service: Service, now: datetime
) -> None:
    late = Counter(one.ordered_by for one in decisions if isinstance(one, IssueOrder) and one.backlog)
    await service.alert_publisher.raise_event(
        tx, [condition.backlog(feed, count) for feed, count in late.items()], now
    )
