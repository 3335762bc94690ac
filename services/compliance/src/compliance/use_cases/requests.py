"""Requests: recorded first, withheld at once if a second person must decide, and carried out in slices.

Each slice is one transaction that also records the progress, so another process can continue after a crash.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from clawback_common.errors import Conflict
from clawback_common.postgres import Transaction
from compliance.domain import order
from compliance.domain.order import ArticleHead, IssueOrder
from compliance.domain.request import SLICE, Request, RequestKind
from compliance.gateways import metrics
from compliance.storage import articles, holders, notices, requests, revocations
from compliance.use_cases import approval
from compliance.use_cases.approval import Mode
from compliance.use_cases.holders import removed_by_request
from compliance.use_cases.orders import carry_out, take_notices
from compliance.use_cases.service import Service


async def notices_requested(request: Request, service: Service) -> Request:
    """Records notices from HTTP, and revokes or withholds their articles. Repeating the request changes nothing.

    Raises:
        Conflict: The idempotency key was used with other content.
    """
    async with service.db.transaction() as tx:
        await notices.lock_subject(tx, request.made_by)
        before = await _recorded(tx, request)
        if before is not None:
            return before
        needed = await approval_needed(tx, request.article_ids, request.made_by, service)
        recorded = replace(request, needs_approval=needed)
        small = not needed and len(request.article_ids) <= SLICE
        if small:
            recorded = replace(recorded, executed_at=service.clock.now())
        await requests.insert(tx, recorded)
        if small:
            noticed = [request.notice(article_id) for article_id in request.article_ids]
            await take_notices(tx, noticed, service, mode=Mode.COUNTED)
    if not small:
        await carry_out_all(service, request.request_id)
    return recorded


async def requested(request: Request, service: Service) -> None:
    """Records a request that always needs a second person: to reinstate many articles, or to remove a holder.

    Raises:
        Conflict: The idempotency key was used with other content.
    """
    async with service.db.transaction() as tx:
        if await _recorded(tx, request) is None:
            await requests.insert(tx, request)


async def _recorded(tx: Transaction, request: Request) -> Request | None:
    before = await requests.lock(tx, request.request_id)
    if before is not None and before.body_sha256 != request.body_sha256:
        raise Conflict("this Idempotency-Key was used with another body")
    return before


async def previewed(article_ids: Sequence[str], by: str, service: Service) -> tuple[int, bool]:
    """Returns how many articles are already revoked, and whether a request for them needs a second person."""
    async with service.db.transaction() as tx:
        revoked = await articles.revoked_among(tx, article_ids)
        return len(revoked), await approval_needed(tx, article_ids, by, service)


async def approval_needed(
    tx: Transaction, article_ids: Sequence[str], subject: str, service: Service
) -> bool:
    """Returns whether these articles exceed the subject's limit; revoked ones do not count."""
    new = len(article_ids) - len(await articles.revoked_among(tx, article_ids))
    spent = await approval.used(tx, subject, service) if new else 0
    return bool(new) and spent + new > service.settings.bulk_approval_threshold


async def request_confirmed(
    request_id: UUID, by: str, note: str | None, service: Service, *, articles_seen: int | None
) -> None:
    """Confirms a request as the second person; it is then carried out.

    Raises:
        Conflict: It was refused, has expired, or changed since it was reviewed.
    """
    async with service.db.transaction() as tx:
        now = service.clock.now()
        request = await requests.lock(tx, request_id)
        if request is None or request.confirmed_at is not None:
            return
        _may_confirm(request, now, articles_seen)
        done = request.kind is RequestKind.REMOVE_HOLDER
        if done:
            await removed_by_request(tx, request, by, service)
        await requests.confirm(tx, request, by, note, now, done=done)
    await carry_out_all(service, request_id)


def _may_confirm(request: Request, now: datetime, articles_seen: int | None) -> None:
    if request.refused_at is not None:
        raise Conflict("this request was refused")
    if request.executed_at is not None or not request.needs_approval:
        raise Conflict("this request needs no confirmation")
    if request.expires_at <= now:
        raise Conflict("this request has expired: refuse it, and have it submitted again")
    if articles_seen is None and request.entry == "kafka":
        raise Conflict("this request can grow: give the number of articles that you reviewed as articles=N")
    if articles_seen is not None and articles_seen != len(request.article_ids):
        raise Conflict(f"this request now names {len(request.article_ids)} articles: review it again")


async def request_refused(request_id: UUID, by: str, note: str, service: Service) -> None:
    """Refuses a request as the second person; articles withheld only for it are reinstated.

    Raises:
        Conflict: It was confirmed, or needed no confirmation.
    """
    async with service.db.transaction() as tx:
        request = await requests.lock(tx, request_id)
        if request is None or request.refused_at is not None:
            return
        if request.decided or request.executed_at is not None:
            raise Conflict("this request was confirmed, or needed no confirmation")
        await requests.refuse(tx, request, by, note, service.clock.now())
    await carry_out_all(service, request_id)


async def carry_out_all(service: Service, request_id: UUID | None = None) -> int:
    """Carries out what is possible of this request, or of all requests. Returns the number of slices."""
    slices = 0
    while await _slice(service, request_id):
        slices += 1
    return slices


async def _slice(service: Service, request_id: UUID | None) -> bool:
    await service.require_own_orders()
    async with service.db.transaction() as tx:
        request = await requests.lock_work(tx, request_id)
        if request is None:
            return False
        start = request.executed if request.decided else request.withheld
        ids = request.article_ids[start : start + SLICE]
        await _carry_out(tx, request, ids, service)
        end = start + len(ids)
        await requests.progress(
            tx,
            request,
            service.clock.now(),
            withheld=request.withheld if request.decided else end,
            executed=end if request.decided else 0,
            done=request.decided and end >= len(request.article_ids),
        )
    return True


async def _carry_out(tx: Transaction, request: Request, ids: Sequence[str], service: Service) -> None:
    if request.kind is RequestKind.REINSTATE:
        await _reinstate(tx, request, ids, service)
    elif request.refused_at is not None:
        await _release(tx, request, ids, service)
    else:
        recorded = await notices.of_request(tx, request.request_id, ids)
        there = {notice.article_id for notice in recorded}
        made = [request.notice(one) for one in ids if one not in there] if request.entry == "http" else []
        confirmed = request.confirmed_at is not None
        mode = Mode.APPROVED if confirmed else Mode.WITHHELD if request.needs_approval else Mode.COUNTED
        await take_notices(tx, [*recorded, *made], service, mode=mode)


async def _release(tx: Transaction, request: Request, ids: Sequence[str], service: Service) -> None:
    """Reinstates withheld articles that no other request wants revoked."""
    now = service.clock.now()
    await holders.lock_shared(tx)
    heads = await articles.lock_or_create(tx, ids, now)
    wanted = await requests.wanted(tx, ids, other_than=request.request_id)
    held = [one for one in heads.values() if one.withheld and one.article_id not in wanted]
    await _end(tx, held, request, f"request refused by {request.refused_by}", service, now)


async def _reinstate(tx: Transaction, request: Request, ids: Sequence[str], service: Service) -> None:
    """Reinstates articles whose revocation was in force when the request was made; later revocations stay."""
    now = service.clock.now()
    await holders.lock_shared(tx)
    heads = await articles.lock_or_create(tx, ids, now)
    older = await revocations.ordered_before(
        tx, [one.revocation_id for one in heads.values() if one.revoked], request.made_at
    )
    in_force = [one for one in heads.values() if one.revoked and one.revocation_id in older]
    await _end(tx, in_force, request, request.note or request.reason, service, now)


async def _end(
    tx: Transaction,
    heads: Sequence[ArticleHead],
    request: Request,
    reason: str,
    service: Service,
    now: datetime,
) -> None:
    by = f"request:{request.request_id}"
    ended: list[IssueOrder] = []
    for one in heads:
        reinstating = one.revocation_id and order.reinstatement(
            one, one.revocation_id, now=now, lifted_by=by, deadlines=service.deadlines, reason=reason
        )
        if reinstating:
            ended.append(reinstating)
    if ended:
        await revocations.lock(tx, [one.article_id for one in ended], [])
        for reinstating in ended:
            if reinstating.reinstates is not None:
                await revocations.reinstate(tx, reinstating.reinstates, by, now)
        await carry_out(tx, ended, service, now)
        metrics.count(ended)
