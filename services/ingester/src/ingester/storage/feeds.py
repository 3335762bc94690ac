"""Feeds: the cursor, the lease, the pace of a key, and every call to a provider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from clawback_common.errors import Conflict
from clawback_common.postgres import Database, Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from ingester.domain.feed import Origin, PollResult
from ingester.domain.gap import Gap
from ingester.domain.pages import CUT_PAGES_MIN
from ingester.domain.unparsed_fields import NotUnderstood

SQL = Queries.load(__package__, "feeds")
LEASE = timedelta(seconds=15)
"""Renewed every third of it while a poll is under way."""
RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
"""After the first, the second and every further failed pass, unless the interval is shorter."""


@dataclass(frozen=True, slots=True)
class FeedLease:
    """A feed that is ours to drain."""

    cursor: str | None
    last_complete_at: datetime | None
    full_pages: int
    state: str
    page_max: int
    endpoint: str | None
    key_mark: str | None


@dataclass(frozen=True, slots=True)
class CursorChange:
    """A cursor that was set other than by a page: when, by whom, why, from what to what, and the gap that results."""

    at: datetime
    by: str
    reason: str
    former: str | None
    cursor: str | None
    gap: str | None = None


@dataclass(frozen=True, slots=True)
class TurnedPage:
    """A page, as far as the feed's row knows of it.

    Attributes:
        cursor: of the next page; None leaves it where it is.
        received: entries on the page.
        noticed: new notices.
        asked: entries that were asked for.
        cut: the size of the page before, where this one shows that the provider had cut it.
        complete_as_of: when the call of the last page was made: all that was listed before is read. None: more follows.
        reached_at: the time of the newest entry, where entries have one.
    """

    cursor: str | None
    received: int
    noticed: int
    asked: int
    cut: int | None
    complete_as_of: datetime | None
    reached_at: datetime | None


@dataclass(frozen=True, slots=True)
class Call:
    """One call to a provider, as it is recorded. Never the key."""

    feed: str
    endpoint: str
    started_at: datetime
    took_ms: int
    http_status: int | None
    code: int | None
    bytes: int | None
    items: int | None
    cursor: str | None
    outcome: str
    poll_id: UUID | None


async def declare(db: Database, names: Sequence[str], kinds: Sequence[str], now: datetime) -> None:
    """Makes a row for each feed of the configuration that has none."""
    await db.execute(SQL["declare"], names, kinds, now)


async def due(db: Querier, name: str, every: timedelta) -> bool:
    """Whether the next scheduled pass is due, and nobody is at it."""
    return bool(await db.fetchval(SQL["due"], name, every, RETRY_AFTER))


async def lease(
    tx: Transaction, name: str, poll_id: UUID, cause: str, now: datetime, every: timedelta | None = None
) -> FeedLease | None:
    """Takes the feed for one pass; None when another pass is under way.

    With ``every`` the pass is one on schedule: None also when it is not due, because another process has made it.
    """
    row = await tx.fetchrow(SQL["lease"], name, poll_id, now, every, RETRY_AFTER, LEASE)
    if row is None:
        return None
    await tx.execute(SQL["begin"], poll_id, name, cause, now)
    return FeedLease(*row)


async def under_way(db: Querier, name: str) -> UUID | None:
    """The pass that holds the lease; None when nobody does, or its process is gone."""
    found: UUID | None = await db.fetchval(SQL["under_way"], name)
    return found


async def renew(db: Querier, name: str, poll_id: UUID) -> bool:
    """Holds the lease for longer; False when it was lost."""
    return await db.fetchval(SQL["renew"], name, poll_id, LEASE) is not None


async def turn_page(tx: Transaction, name: str, poll_id: UUID, page: TurnedPage, now: datetime) -> bool:
    """Moves the cursor past a page, in the transaction of what it brought. False when the lease was lost: roll back."""
    moved = await tx.fetchval(
        SQL["turn_page"],
        name,
        poll_id,
        page.cursor,
        now,
        page.received,
        page.noticed,
        page.complete_as_of,
        page.reached_at,
        page.asked,
        page.cut,
    )
    return moved is not None


async def note_not_understood(
    tx: Transaction, name: str, articles_by_field: Mapping[str, int], now: datetime
) -> None:
    """Counts articles by what could not be read in them."""
    if articles_by_field:
        fields, articles = list(articles_by_field), list(articles_by_field.values())
        await tx.execute(SQL["note_not_understood"], name, now, fields, articles)


async def not_understood(db: Querier, since: datetime) -> dict[str, NotUnderstood]:
    """By feed, what could not be read in its articles since then; only feeds that have such articles."""
    found: dict[str, dict[str, int]] = {}
    for row in await db.fetch(SQL["not_understood"], since):
        found.setdefault(row["feed"], {})[row["field"]] = row["articles"]
    received = {row["feed"]: row["articles"] for row in await db.fetch(SQL["received"], list(found), since)}
    return {feed: NotUnderstood(received.get(feed, 0), fields) for feed, fields in found.items()}


async def page_limit_unasked(db: Querier, name: str, now: datetime) -> bool:
    """Whether pages show a limit, and the rate limits of the key were not read for a day. Notes that they are."""
    return await db.fetchval(SQL["page_limit_unasked"], name, now, CUT_PAGES_MIN) is not None


async def note_page_limit(db: Querier, name: str, stated: int | None) -> None:
    """Notes the limit of a page that the provider states; None where it states none."""
    await db.execute(SQL["note_page_limit"], name, stated)


async def failing(
    db: Querier, name: str, poll_id: UUID, state: str, reason: str, now: datetime
) -> datetime | None:
    """Notes that the feed fails ('failing') or was stopped ('stopped'). Gives since when; None: the lease was lost."""
    since: datetime | None = await db.fetchval(SQL["failing"], name, state, reason, now, poll_id)
    return since


async def end(tx: Transaction, result: PollResult, now: datetime, *, interrupted: bool = False) -> None:
    """Ends a pass and frees the lease. One that was interrupted leaves the next one due."""
    await tx.execute(SQL["end"], result.poll_id, now, result.caught_up, result.error, result.too_old)
    failed = None if interrupted else bool(result.error)
    await tx.execute(SQL["free"], result.feed, result.poll_id, failed)


async def poll(db: Querier, poll_id: UUID) -> Row | None:
    """One pass."""
    return await db.fetchrow(SQL["poll"], poll_id)


async def one(db: Querier, name: str) -> Row:
    """One feed that is declared."""
    row = await db.fetchrow(SQL["one"], name)
    if row is None:
        raise Conflict(f"feed {name} was never declared")
    return row


async def all_feeds(db: Querier) -> list[Row]:
    """Every feed with its last pass."""
    return await db.fetch(SQL["all"], CUT_PAGES_MIN)


async def resume(db: Querier, name: str, now: datetime) -> bool:
    """Starts a stopped feed again, after a person has repaired_body the cause."""
    return await db.fetchval(SQL["resume"], name, now) is not None


async def set_cursor(
    tx: Transaction, name: str, cursor: str | None, origin: Origin, now: datetime
) -> str | None:
    """Sets a cursor by hand, starts a stopped feed again, and ends the pass under way, if any. Gives the former one."""
    former: str | None = await tx.fetchval(SQL["set_cursor"], name, cursor, *origin, now)
    return former


async def note_origin(db: Querier, name: str, origin: Origin) -> None:
    """Notes what the cursor belongs to, where that was not known."""
    await db.execute(SQL["note_origin"], name, *origin)


async def reset_cursor(tx: Transaction, name: str, poll_id: UUID, origin: Origin, now: datetime) -> bool:
    """Forgets how far the feed was read: that was another provider, or another key. False when the lease was lost."""
    return await tx.fetchval(SQL["reset_cursor"], name, poll_id, *origin, now) is not None


async def note_change(tx: Transaction, name: str, change: CursorChange) -> None:
    """Puts a change of a cursor on record."""
    await tx.execute(
        SQL["note_change"],
        name,
        change.at,
        change.by,
        change.reason,
        change.former,
        change.cursor,
        change.gap,
    )


async def changes(db: Querier, name: str, limit: int) -> list[Row]:
    """Changes of a cursor, the newest first."""
    return await db.fetch(SQL["changes"], name, limit)


async def note_gap(tx: Transaction, incident_id: UUID, name: str, lost: Gap) -> None:
    """Notes the span of a gap beside its incident."""
    await tx.execute(SQL["note_gap"], incident_id, name, lost.since, lost.until)


async def record_call(db: Querier, call: Call) -> None:
    """Writes one call down."""
    await db.execute(
        SQL["call"],
        call.feed,
        call.endpoint,
        call.started_at,
        call.took_ms,
        call.http_status,
        call.code,
        call.bytes,
        call.items,
        call.cursor,
        call.outcome,
        call.poll_id,
    )


async def calls_page(db: Querier, before_id: int, limit: int) -> list[Row]:
    """Calls, newest first."""
    return await db.fetch(SQL["calls_page"], before_id, limit)


async def take_turn(db: Querier, key_name: str, pause: timedelta, *, urgent: bool) -> datetime | timedelta:
    """Takes the key for one call. Gives the mark of the turn, for `end_turn`; else how long to wait at most.

    Until the turn is ended it lasts two pauses: a call that reaches the provider late is not followed too soon, and a
    process that dies in its call holds the key up for no longer.
    """
    turn: datetime | None = await db.fetchval(SQL["take_turn"], key_name, 2 * pause, urgent)
    if turn is not None:
        return turn
    wait: timedelta = await db.fetchval(SQL["turn_wait"], key_name, urgent)
    return wait


async def end_turn(
    db: Querier, key_name: str, pause: timedelta, turn: datetime | None, rest: timedelta
) -> None:
    """Ends a turn: the key may be called after the pause, and after the rest that the provider has asked for."""
    await db.execute(SQL["end_turn"], key_name, pause, turn, rest)
