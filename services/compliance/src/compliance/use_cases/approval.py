"""Approval by a second person: what a sender may revoke alone, and what is withheld until a decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from uuid import UUID, uuid4

from clawback_common.errors import Conflict
from clawback_common.postgres import Transaction
from compliance.domain.notice import Notice, NoticeKey
from compliance.domain.order import ArticleHead, Decision, IssueOrder, Kind, ResendOrder
from compliance.domain.request import Request, RequestKind
from compliance.storage import notices, requests, revocations
from compliance.use_cases.service import Service


class Mode(Enum):
    """Whether notices need a second person."""

    LIMITED = auto()
    """Those above their subject's limit, and those of senders who must not revoke the article."""
    COUNTED = auto()
    """None: they are within the limit, and count towards it."""
    WITHHELD = auto()
    """All of them; their request is recorded."""
    APPROVED = auto()
    """None: a second person has confirmed them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The new notices that need a second person, and the subjects whose limits the others count towards."""

    limited: set[NoticeKey] = field(default_factory=set)
    counted: dict[NoticeKey, str] = field(default_factory=dict)


def feed_count(feed: str) -> str:
    """Returns the name under which a provider's feed is counted; a feed has no limit."""
    return f"feed:{feed}"


def window_start(service: Service) -> datetime:
    """Returns the start of the approval window."""
    return service.clock.now() - timedelta(hours=service.settings.bulk_approval_window_h)


async def lock_subjects(tx: Transaction, noticed: Sequence[Notice]) -> None:
    """Locks the limits of these senders until the transaction ends."""
    for subject in sorted({notice.subject for notice in noticed if notice.subject}):
        await notices.lock_subject(tx, subject)


async def used(tx: Transaction, subject: str, service: Service) -> int:
    """Returns how much of its limit a locked subject has used."""
    return await notices.used(
        tx, subject, window_start(service), service.settings.bulk_approval_threshold + 1
    )


async def limits(
    tx: Transaction,
    noticed: Sequence[Notice],
    known: Mapping[NoticeKey, UUID],
    heads: Mapping[str, ArticleHead],
    service: Service,
    mode: Mode,
) -> Limits:
    """Returns which of the notices, whose articles are locked, need a second person."""
    found, threshold = Limits(), service.settings.bulk_approval_threshold
    counts: dict[str, set[str]] = {}
    before: dict[str, int] = {}
    for notice in noticed:
        if notice.key in known or heads[notice.article_id].revoked or mode is Mode.APPROVED:
            continue
        if mode is Mode.WITHHELD or not notice.allowed:
            found.limited.add(notice.key)
        elif notice.subject is None:
            found.counted[notice.key] = feed_count(notice.noticed_by)
        else:
            subject = notice.subject
            if subject not in before:
                before[subject] = await used(tx, subject, service)
            mine = counts.setdefault(subject, set())
            room = notice.article_id in mine or before[subject] + len(mine) < threshold
            if mode is Mode.COUNTED or room:
                mine.add(notice.article_id)
                found.counted[notice.key] = subject
            else:
                found.limited.add(notice.key)
    found.limited.difference_update(found.counted)
    return found


async def gather(
    tx: Transaction,
    decisions: Sequence[Decision],
    limits: Limits,
    heads: Mapping[str, ArticleHead],
    service: Service,
) -> list[Decision]:
    """Adds notices of records that were withheld to requests. Returns the decisions with these requests."""
    waiting: dict[tuple[str, str], dict[str, None]] = {}
    for notice in _withheld(decisions, limits, heads):
        if notice.request_id is None and notice.subject is not None:
            waiting.setdefault((notice.subject, notice.reason), {})[notice.article_id] = None
    if not waiting:
        return list(decisions)
    request_of: dict[tuple[str, str], UUID] = {}
    for (subject, reason), article_ids in sorted(waiting.items()):
        request_of[subject, reason] = await _into_request(tx, subject, reason, list(article_ids), service)

    def named(notice: Notice) -> Notice:
        request_id = request_of.get((notice.subject or "", notice.reason))
        belongs = notice.key in limits.limited and notice.request_id is None
        return replace(notice, request_id=request_id) if belongs else notice

    return [
        replace(one, notices=tuple(map(named, one.notices)))
        if isinstance(one, IssueOrder)
        else replace(one, notices=tuple(map(named, one.notices)), new=tuple(map(named, one.new)))
        for one in decisions
    ]


def _withheld(
    decisions: Sequence[Decision], limits: Limits, heads: Mapping[str, ArticleHead]
) -> list[Notice]:
    """Returns the new notices that wait for a second person; none if another notice revokes the article anyway."""
    found: list[Notice] = []
    for one in decisions:
        match one:
            case IssueOrder(kind=Kind.WITHHELD):
                found += one.notices
            case ResendOrder() if one.new and heads[one.new[0].article_id].withheld:
                found += one.new
            case _:
                pass
    return [notice for notice in found if notice.key in limits.limited]


async def _into_request(
    tx: Transaction, subject: str, reason: str, article_ids: Sequence[str], service: Service
) -> UUID:
    now = service.clock.now()
    request_id = await requests.lock_open_of_topic(tx, subject, reason, now, len(article_ids))
    if request_id is None:
        request_id = uuid4()
        request = Request(
            request_id=request_id,
            kind=RequestKind.REVOKE,
            entry="kafka",
            article_ids=(),
            reason=reason,
            made_by=subject,
            made_at=now,
            expires_at=now + service.request_expiry,
        )
        await requests.insert(tx, request)
    await requests.append(tx, request_id, article_ids)
    return request_id


async def may_reinstate(tx: Transaction, officer: str, service: Service) -> None:
    """Checks that an officer may reinstate one more article alone.

    Raises:
        Conflict: The officer has reached the limit, so a second person is needed.
    """
    await notices.lock_subject(tx, officer)
    done = await revocations.reinstated_by(
        tx, officer, window_start(service), service.settings.bulk_approval_threshold
    )
    if done >= service.settings.bulk_approval_threshold:
        raise Conflict(
            "this officer has reached the limit of articles to reinstate alone within the window: request "
            "a second person's decision (POST /api/v1/compliance/reinstatements)"
        )
