"""Polling: reads a feed page by page to its end; each page is stored with its cursor in one transaction."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from opentelemetry.trace import SpanKind

from clawback_common.errors import ClawbackError, Conflict, Poison
from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Transaction
from clawback_common.postgres.rows import build
from clawback_common.telemetry import span, traceparent
from clawback_contracts.article.v1 import CONTENT_BYTES_MAX
from ingester.domain import condition, gap
from ingester.domain.article import Delivery, deliveries
from ingester.domain.feed import Origin, PollResult, RevokedEntry
from ingester.domain.pages import End, PageSizes
from ingester.gateways import metrics
from ingester.gateways.providers.port import Bad as Entry
from ingester.gateways.providers.port import Feed, Page, Reader, Refused
from ingester.storage import feeds
from ingester.use_cases.notices import on_feed_gap, on_revoked_entries, on_unreadable_entries
from ingester.use_cases.service import GROUP, Service
from ingester.use_cases.storing import Step, store

JOIN_CHECK_S = 0.2
_log = structlog.stdlib.get_logger(__name__)


async def poll(feed: Feed, service: Service, cause: str) -> PollResult:
    """Polls the feed to its end, or joins a running poll.

    Raises:
        Conflict: Another process has taken over the feed; this is not an error of the provider.
    """
    result = await _pass(feed, service, cause, None)
    if result is None:
        raise Conflict(f"feed {feed.name} is polled by another process")
    return result


async def poll_if_due(feed: Feed, service: Service) -> PollResult | None:
    """Polls the feed, unless another process has done so since it was due, or is polling now: then returns None.

    Raises:
        Conflict: As for `poll`.
    """
    return await _pass(feed, service, "schedule", timedelta(seconds=feed.settings.interval_s))


async def _pass(feed: Feed, service: Service, cause: str, every: timedelta | None) -> PollResult | None:
    """Executes one poll; None if a scheduled one is not due.

    If the provider fails, the result has an ``error``, and the cursor is after the last stored page.

    Raises:
        Conflict: Another process has taken over the feed; this is not an error of the provider.
    """
    poll_id = uuid4()
    await feeds.declare(service.db, [feed.name], [feed.settings.kind], service.clock.now())
    async with service.db.transaction() as tx:
        leased = await feeds.lease(tx, feed.name, poll_id, cause, service.clock.now(), every)
    if leased is None and every is not None:
        return None
    if leased is None:
        return await _join(feed, service, cause)
    result, interrupted = PollResult(poll_id, feed.name), False
    try:
        with span(f"poll {feed.name}", kind=SpanKind.INTERNAL):
            async with _renewed(feed.name, poll_id, service):
                result = await _drain(feed, service, leased, poll_id)
    except Conflict as error:
        result = replace(result, error=str(error))
        raise
    except asyncio.CancelledError:
        result, interrupted = replace(result, error="interrupted: the process was stopped"), True
        raise
    except ClawbackError as error:
        result = replace(result, error=str(error)[:500])
        result = await _failed(feed, service, poll_id, error)
    finally:
        async with service.db.transaction() as tx:
            await feeds.end(tx, result, service.clock.now(), interrupted=interrupted)
    return result


async def _join(feed: Feed, service: Service, cause: str) -> PollResult:
    """Waits for the running poll and returns its result; takes over if its process has died."""
    poll_id = await feeds.under_way(service.db, feed.name)
    while poll_id is not None:
        row = await feeds.poll(service.db, poll_id)
        if row is not None and row["ended_at"] is not None:
            return build(PollResult, row)
        await asyncio.sleep(JOIN_CHECK_S)
        if await feeds.under_way(service.db, feed.name) != poll_id:
            row = await feeds.poll(service.db, poll_id)
            poll_id = poll_id if row is not None and row["ended_at"] is not None else None
    return await poll(feed, service, cause)


@asynccontextmanager
async def _renewed(name: str, poll_id: UUID, service: Service) -> AsyncIterator[None]:
    async def keep() -> None:
        while True:
            await asyncio.sleep(feeds.LEASE.total_seconds() / 3)
            with suppress(
                ClawbackError
            ):  # the database may be unavailable for a moment; save_page checks the lease
                await feeds.renew(service.db, name, poll_id)

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@dataclass(frozen=True, slots=True)
class _PageRequest:
    """One page to request: its cursor, and what earlier pages have shown."""

    poll_id: UUID
    cursor: str | None
    sizes: PageSizes
    complete_at: datetime | None
    """When the feed was last read to its end before this poll."""


@dataclass(frozen=True, slots=True)
class _StoredPage:
    """A stored page."""

    end: End
    count: int
    cursor: str | None
    noticed: int = 0
    too_old: int = 0
    reached_at: datetime | None = None


async def _drain(feed: Feed, service: Service, leased: feeds.FeedLease, poll_id: UUID) -> PollResult:
    reader = feed.source.connect(poll_id)
    leased = await _of_origin(feed, service, leased, poll_id)
    await _notice_gap(feed, service, reader, leased)
    result = PollResult(poll_id, feed.name)
    sizes = PageSizes(feed.source.limit, largest_ever=leased.page_max)
    ask = _PageRequest(poll_id, leased.cursor, sizes, leased.last_complete_at)
    while True:
        with span(f"page {feed.name}", kind=SpanKind.INTERNAL):
            page = await _read_page(feed, service, reader, ask)
        result = replace(
            result,
            pages=result.pages + 1,
            received=result.received + page.count,
            noticed=result.noticed + page.noticed,
            too_old=result.too_old + page.too_old,
        )
        metrics.POLLED.labels(feed.name, "ok").inc()
        match page.end:
            case End.COMPLETE:
                metrics.FEED_FAILING.labels(feed.name).set(0)
                await _ask_for_page_limit(feed, service, reader)
                return replace(result, caught_up=True)
            case End.UNKNOWN:
                raise Poison(
                    "cursor_stands_still", "the page has no next cursor, and may not be the last one"
                )
            case End.MORE:
                ask = replace(ask, cursor=page.cursor, sizes=ask.sizes.then(page.count))


async def _of_origin(feed: Feed, service: Service, leased: feeds.FeedLease, poll_id: UUID) -> feeds.FeedLease:
    """Returns the lease for this provider and key; after a change of either, the cursor is reset."""
    former = Origin(leased.endpoint or "", leased.key_digest or "")
    if former == feed.source.origin:
        return leased
    now = service.clock.now()
    if leased.endpoint is None:
        await feeds.note_origin(service.db, feed.name, feed.source.origin)
        return leased
    why = feed.source.origin.differs(former)
    async with service.db.transaction() as tx:
        if not await feeds.reset_cursor(tx, feed.name, poll_id, feed.source.origin, now):
            raise Conflict(f"the lease of feed {feed.name} was lost to another process")
        await feeds.note_change(tx, feed.name, feeds.CursorChange(now, "ingester", why, leased.cursor, None))
        await service.alert_publisher.raise_event(
            tx, [condition.cursor_reset(feed.name, why, leased.cursor)], now
        )
    _log.warning("feed cursor reset", feed=feed.name, why=why, former=leased.cursor)
    return replace(leased, cursor=None, last_complete_at=None, page_max=0)


async def _notice_gap(feed: Feed, service: Service, reader: Reader, leased: feeds.FeedLease) -> None:
    """Reports a gap, after an absence, if the provider no longer has the entries after our cursor."""
    now, complete_at, window = service.clock.now(), leased.last_complete_at, feed.source.window
    if window is None or leased.cursor is None or complete_at is None:
        return
    if now - complete_at <= timedelta(seconds=feed.settings.interval_s) + gap.ABSENT_MIN:
        return
    lost = gap.past_the_window(leased.cursor, complete_at, await reader.oldest(), now, window)
    if lost is not None:
        async with service.db.transaction() as tx:
            await on_feed_gap(tx, service, feed.name, lost)


async def _ask_for_page_limit(feed: Feed, service: Service, reader: Reader) -> None:
    """Reads the key's rate limits once a day, if pages show a limit of the provider."""
    if not await feeds.page_limit_unasked(service.db, feed.name, service.clock.now()):
        return
    try:
        stated = await reader.page_limit()
    except ClawbackError as error:  # a key without the right to read rate limits can still read pages
        _log.info("the rate limits of the key are not known", feed=feed.name, error=error)
        return
    await feeds.note_page_limit(service.db, feed.name, stated)


async def _read_page(feed: Feed, service: Service, reader: Reader, ask: _PageRequest) -> _StoredPage:
    """Requests a page and stores its articles, notices and unusable entries with its cursor, in one transaction."""
    requested_at = service.clock.now()
    page = await reader.page(ask.cursor, ask.sizes.asked)
    turned = _StoredPage(
        feed.source.end(page, ask.sizes, ask.cursor),
        page.count,
        page.cursor,
        reached_at=max((a.harvested_at for a in page.articles if a.harvested_at), default=None),
    )
    noticed = 0

    async def turn(tx: Transaction) -> None:
        nonlocal noticed
        noticed = await on_revoked_entries(
            tx, service, feed.name, _revoked_entries(feed, page), ask.poll_id, ask.complete_at
        )
        await _turn(tx, feed, service, ask, replace(turned, noticed=noticed), requested_at)

    too_old = await _store(feed, service, page, turn)
    return replace(turned, noticed=noticed, too_old=too_old)


async def _store(feed: Feed, service: Service, page: Page, turn: Step) -> int:
    """Stores a page. Returns how many articles were refused as older than the retention floor."""
    now, trace = service.clock.now(), traceparent()
    incoming = deliveries(((article, trace) for article in page.articles), now)
    bad = [_bad(feed, entry, trace) for entry in page.bad if not entry.revocation]
    bad += [_too_large(feed, one, trace) for one in incoming if one.too_large]
    unreadable = [_bad(feed, entry, trace) for entry in page.bad if entry.revocation]

    async def step(tx: Transaction) -> None:
        await on_unreadable_entries(tx, service, unreadable)
        await turn(tx)
        await feeds.note_not_understood(tx, feed.name, page.not_understood, now)

    usable = [one for one in incoming if not one.too_large]
    result = await store(service, usable, source=feed.name, bad=bad, steps=[step])
    for field, count in page.not_understood.items():
        metrics.NOT_UNDERSTOOD.labels(feed.name, field).inc(count)
    return result.too_old


async def entry_again(feed: Feed, name: str, entry: bytes, arrived_at: datetime, service: Service) -> None:
    """Processes an entry from quarantine again, under this name of the feed; its time of arrival is unchanged.

    Raises:
        Poison: It is still unusable.
    """
    page = feed.source.read_entry(entry, arrived_at)
    if page.bad:
        raise Poison(page.bad[0].code, page.bad[0].detail)

    async def step(tx: Transaction) -> None:
        await on_revoked_entries(tx, service, name, _revoked_entries(feed, page), uuid4(), arrived_at)

    incoming = deliveries(((article, None) for article in page.articles), arrived_at)
    await store(service, incoming, source=name, steps=[step])


def _revoked_entries(feed: Feed, page: Page) -> list[RevokedEntry]:
    return [
        RevokedEntry(f"{feed.settings.provider}:{one.provider_article_id}", one.sequence, one.revoked_at)
        for one in page.revoked
    ]


async def _turn(
    tx: Transaction,
    feed: Feed,
    service: Service,
    ask: _PageRequest,
    page: _StoredPage,
    requested_at: datetime,
) -> None:
    turned = feeds.PageFigures(
        cursor=page.cursor,
        received=page.count,
        noticed=page.noticed,
        asked=ask.sizes.asked,
        cut=ask.sizes.cut(page.count),
        complete_as_of=requested_at if page.end is End.COMPLETE else None,
        reached_at=page.reached_at,
    )
    if not await feeds.save_page(tx, feed.name, ask.poll_id, turned, service.clock.now()):
        raise Conflict(
            f"the lease of feed {feed.name} was lost to another process; nothing of this page was stored"
        )


def _bad(feed: Feed, entry: Entry, trace: str | None) -> Bad:
    return Bad(
        Poison(entry.code, entry.detail),
        source=GROUP,
        topic=f"feed:{feed.name}",
        event_id=f"{feed.name}/{entry.sequence or hashlib.sha256(entry.raw).hexdigest()[:32]}",
        subjects=(f"{feed.settings.provider}:{entry.provider_id}",) if entry.provider_id else (),
        type=feed.settings.kind,
        value=entry.raw,
        headers={"traceparent": trace} if trace else {},
    )


def _too_large(feed: Feed, delivery: Delivery, trace: str | None) -> Bad:
    entry = Entry(
        0,
        delivery.article_id.partition(":")[2],
        str(delivery.source_order),
        "too_large",
        f"an article has at most {CONTENT_BYTES_MAX} bytes when it is serialized again",
        delivery.document.encode(),
    )
    return _bad(feed, entry, trace)


async def _failed(feed: Feed, service: Service, poll_id: UUID, error: ClawbackError) -> PollResult:
    """Records in the feed's row that the provider failed; alerts are derived from it."""
    stopped = isinstance(error, Refused)
    now = service.clock.now()
    since = await feeds.failing(
        service.db, feed.name, poll_id, "stopped" if stopped else "failing", str(error)[:500], now
    )
    if since is None:
        raise Conflict(f"the lease of feed {feed.name} was lost to another process")
    metrics.POLLED.labels(feed.name, "failed").inc()
    metrics.FEED_FAILING.labels(feed.name).set(1)
    _log.warning("feed failed", feed=feed.name, stopped=stopped, since=since.isoformat(), error=error)
    row = await feeds.poll(service.db, poll_id)
    pages, received, noticed = (row["pages"], row["received"], row["noticed"]) if row else (0, 0, 0)
    return PollResult(poll_id, feed.name, pages, received, noticed, error=str(error)[:500])
