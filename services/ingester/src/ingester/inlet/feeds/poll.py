"""One pass over a feed: page by page until a short one, each page stored with its cursor or not at all."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

import structlog
from opentelemetry.trace import SpanKind

from clawback_common.db import Transaction
from clawback_common.errors import ClawbackError, Conflict, Poison
from clawback_common.quarantine import Bad
from clawback_common.telemetry import span, traceparent
from clawback_contracts.article.v1 import CONTENT_BYTES_MAX
from ingester import flow
from ingester.domain.article import Delivery, deliveries
from ingester.domain.feed import PollResult, Sighting
from ingester.flow import Service
from ingester.inlet.feeds import values
from ingester.inlet.feeds.codes import Refused
from ingester.outlet import metrics
from ingester.settings import FeedSettings
from ingester.state import feeds

JOIN_LOOK_S = 0.2
_log = structlog.stdlib.get_logger(__name__)


class Provider(Protocol):
    """The provider's two feeds, with pace, retries and breaker behind them."""

    async def articles(self, cursor: str = ..., limit: int = ...) -> values.Page:
        """Articles after the cursor."""
        ...

    async def revoked(self, cursor: str = ..., limit: int = ...) -> values.RevokedPage:
        """Revocations after the cursor."""
        ...


@dataclass(frozen=True, slots=True)
class Feed:
    """A configured feed and who answers for it."""

    settings: FeedSettings
    connect: Callable[[UUID], Provider]
    """The provider, for one pass, whose id is recorded with each call."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.settings.name

    def limit(self, service: Service) -> int:
        """Entries on a full page."""
        if self.settings.kind == "revoked":
            return self.settings.limit or 10_000
        return min(self.settings.limit or 500, service.settings.metabase_limit)


async def poll(feed: Feed, service: Service, cause: str) -> PollResult:
    """Drains the feed, or joins the pass that is draining it.

    Raises:
        Conflict: another process has taken the feed over meanwhile; that says nothing of the provider.
    """
    result = await _pass(feed, service, cause, None)
    if result is None:
        raise Conflict(f"feed {feed.name} is polled by another process")
    return result


async def poll_if_due(feed: Feed, service: Service) -> PollResult | None:
    """Drains the feed, unless another process has done so since it was due, or is doing so now: then None.

    Raises:
        Conflict: as `poll`.
    """
    return await _pass(feed, service, "schedule", timedelta(seconds=feed.settings.interval_s))


async def _pass(feed: Feed, service: Service, cause: str, every: timedelta | None) -> PollResult | None:
    """One pass; None where it was to be one on schedule, and is not due.

    A failing provider ends the pass with ``error`` set and the cursor after the last page that was stored.

    Raises:
        Conflict: another process has taken the feed over meanwhile; that says nothing of the provider.
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
        result, interrupted = replace(result, error="interrupted: the process was asked to end"), True
        raise
    except ClawbackError as error:
        result = replace(result, error=str(error)[:500])
        result = await _failed(feed, service, poll_id, error)
    finally:
        async with service.db.transaction() as tx:
            await feeds.end(tx, result, service.clock.now(), interrupted=interrupted)
    return result


async def _join(feed: Feed, service: Service, cause: str) -> PollResult:
    """Waits for the pass under way and answers with its result; when its process is gone, takes over."""
    poll_id = await feeds.under_way(service.db, feed.name)
    while poll_id is not None:
        row = await feeds.poll(service.db, poll_id)
        if row is not None and row["ended_at"] is not None:
            return PollResult(
                poll_id,
                feed.name,
                row["pages"],
                row["received"],
                row["noticed"],
                row["too_old"],
                row["caught_up"],
                row["error"],
            )
        await asyncio.sleep(JOIN_LOOK_S)
        if await feeds.under_way(service.db, feed.name) != poll_id:
            row = await feeds.poll(service.db, poll_id)
            poll_id = poll_id if row is not None and row["ended_at"] is not None else None
    return await poll(feed, service, cause)


@asynccontextmanager
async def _renewed(name: str, poll_id: UUID, service: Service) -> AsyncIterator[None]:
    async def keep() -> None:
        while True:
            await asyncio.sleep(feeds.LEASE.total_seconds() / 3)
            with suppress(ClawbackError):  # a database that is away for a moment; turn_page has the last word
                await feeds.renew(service.db, name, poll_id)

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _drain(feed: Feed, service: Service, leased: feeds.Leased, poll_id: UUID) -> PollResult:
    provider = feed.connect(poll_id)
    turn = _articles_page if feed.settings.kind == "articles" else _revoked_page
    result, cursor = PollResult(poll_id, feed.name), leased.cursor
    while True:
        with span(f"page {feed.name}", kind=SpanKind.INTERNAL):
            page = await turn(feed, service, provider, cursor, poll_id, leased.last_complete_at)
        result = replace(
            result,
            pages=result.pages + 1,
            received=result.received + page.count,
            noticed=result.noticed + page.noticed,
            too_old=result.too_old + page.too_old,
        )
        metrics.POLLED.labels(feed.name, "ok").inc()
        if page.count < feed.limit(service):
            metrics.FEED_FAILING.labels(feed.name).set(0)
            return replace(result, caught_up=True)
        if page.cursor is None or page.cursor == cursor:
            raise Poison("cursor_stands_still", "a full page does not say where the next one begins")
        cursor = page.cursor


@dataclass(frozen=True, slots=True)
class _Turned:
    count: int
    noticed: int
    cursor: str | None
    too_old: int = 0


async def _articles_page(
    feed: Feed, service: Service, provider: Provider, cursor: str | None, poll_id: UUID, _: datetime | None
) -> _Turned:
    asked_at = service.clock.now()
    page = await provider.articles(cursor or "0", feed.limit(service))
    now = service.clock.now()
    trace = traceparent()
    incoming = deliveries(((article, trace) for article in page.articles), now)

    async def turn(tx: Transaction) -> None:
        await _turn(tx, feed, service, poll_id, page.last_sequence, page.count, 0, asked_at, reached)

    reached = max((a.harvested_at for a in page.articles if a.harvested_at), default=None)
    bad = [_bad(feed, entry, trace) for entry in page.bad]
    bad += [_too_large(feed, one, trace) for one in incoming if one.too_large]
    incoming = [one for one in incoming if not one.too_large]
    became = await flow.store(service, incoming, door=feed.name, bad=bad, beside=[turn])
    return _Turned(page.count, 0, page.last_sequence, became.too_old)


async def _revoked_page(
    feed: Feed,
    service: Service,
    provider: Provider,
    cursor: str | None,
    poll_id: UUID,
    complete_at: datetime | None,
) -> _Turned:
    asked_at = service.clock.now()
    page = await provider.revoked(cursor or "0", feed.limit(service))
    trace = traceparent()
    sightings = [
        Sighting(f"{feed.settings.provider}:{entry.provider_article_id}", entry.sequence, entry.revoked_at)
        for entry in page.ids
    ]
    async with service.db.transaction() as tx:
        noticed = await flow.on_sightings(tx, service, feed.name, sightings, poll_id, complete_at)
        await flow.on_unreadable_sightings(tx, service, [_bad(feed, entry, trace) for entry in page.bad])
        await _turn(tx, feed, service, poll_id, page.next_cursor, page.count, noticed, asked_at)
    return _Turned(page.count, noticed, page.next_cursor)


async def _turn(
    tx: Transaction,
    feed: Feed,
    service: Service,
    poll_id: UUID,
    cursor: str | None,
    count: int,
    noticed: int,
    asked_at: datetime,
    reached: datetime | None = None,
) -> None:
    ours = await feeds.turn_page(
        tx,
        feed.name,
        poll_id,
        cursor,
        service.clock.now(),
        full=count >= feed.limit(service),
        received=count,
        noticed=noticed,
        complete_as_of=asked_at,
        reached_at=reached,
    )
    if not ours:
        raise Conflict(
            f"the lease of feed {feed.name} was lost to another process; nothing of this page was stored"
        )


def _bad(feed: Feed, entry: values.Bad, trace: str | None) -> Bad:
    return Bad(
        Poison(entry.code, entry.detail),
        source=flow.GROUP,
        topic=f"feed:{feed.name}",
        event_id=f"{feed.name}/{entry.sequence or hashlib.sha256(entry.raw).hexdigest()[:32]}",
        subjects=(f"{feed.settings.provider}:{entry.provider_id}",) if entry.provider_id else (),
        type=feed.settings.kind,
        value=entry.raw,
        headers={"traceparent": trace} if trace else {},
    )


def _too_large(feed: Feed, delivery: Delivery, trace: str | None) -> Bad:
    entry = values.Bad(
        0,
        delivery.article_id.partition(":")[2],
        str(delivery.source_order),
        "too_large",
        f"an article has at most {CONTENT_BYTES_MAX} bytes when it is written again",
        delivery.document.encode(),
    )
    return _bad(feed, entry, trace)


async def _failed(feed: Feed, service: Service, poll_id: UUID, error: ClawbackError) -> PollResult:
    """Records in the feed's row that the provider fails; what a person must know of it is found there."""
    stopped = isinstance(error, Refused)
    now = service.clock.now()
    since = await feeds.failing(
        service.db, feed.name, poll_id, "stopped" if stopped else "failing", str(error)[:500], now
    )
    if since is None:
        raise Conflict(f"the lease of feed {feed.name} was lost to another process")
    metrics.POLLED.labels(feed.name, "failed").inc()
    metrics.FEED_FAILING.labels(feed.name).set(1)
    _log.warning("feed fails", feed=feed.name, stopped=stopped, since=since.isoformat(), error=error)
    row = await feeds.poll(service.db, poll_id)
    pages, received, noticed = (row["pages"], row["received"], row["noticed"]) if row else (0, 0, 0)
    return PollResult(poll_id, feed.name, pages, received, noticed, error=str(error)[:500])
