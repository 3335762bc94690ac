"""Feeds: the cursor, the lease, the rate limit of a key, and the calls to providers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from clawback_common.errors import Conflict
from clawback_common.postgres import Database, Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_contracts.resending import STEPS
from ingester.domain.feed import Origin, PollResult
from ingester.domain.gap import Gap
from ingester.domain.pages import CUT_PAGES_MIN
from ingester.domain.unparsed_fields import NotUnderstood

SQL = Queries.load(__package__, "feeds")
LEASE = timedelta(seconds=15)
"""Renewed after each third of it during a poll."""


@dataclass(frozen=True, slots=True)
class FeedLease:
    """A feed that this process has leased for a poll."""

    cursor: str | None
    last_complete_at: datetime | None
    full_pages: int
    state: str
    page_max: int
    endpoint: str | None
    key_digest: str | None


class CursorChange(NamedTuple):
    """A change of a cursor other than by reading a page: time, author, reason, both cursors, and the resulting gap."""

    at: datetime
    by: str
    reason: str
    former: str | None
    cursor: str | None
    gap: str | None = None


class PageFigures(NamedTuple):
    """The figures of a page in the feed's row.

    Attributes:
        cursor: Of the next page; None: unchanged.
        received: The entries on the page.
        noticed: The new notices.
        asked: The requested number of entries.
        cut: The size of the previous page, if this page shows that the provider had cut it.
        complete_as_of: The time of the last page's call: everything listed before is read. None: more pages follow.
        reached_at: The time of the newest entry, if entries have one.
    """

    cursor: str | None
    received: int
    noticed: int
    asked: int
    cut: int | None
    complete_as_of: datetime | None
    reached_at: datetime | None


async def declare(db: Database, names: Sequence[str], kinds: Sequence[str], now: datetime) -> None:
    """Inserts a row for each configured feed that has none."""
    await db.execute(SQL["declare"], names, kinds, now)


async def due(db: Querier, name: str, every: timedelta) -> bool:
    """Returns whether the next scheduled poll is due and none is running."""
    return bool(await db.fetchval(SQL["due"], name, every, STEPS))


async def lease(
    tx: Transaction, name: str, poll_id: UUID, cause: str, now: datetime, every: timedelta | None = None
) -> FeedLease | None:
    """Leases the feed for one poll; None if another poll is running.

    With ``every`` the poll is a scheduled one: also None if it is not due, because another process has done it.
    """
    row = await tx.fetchrow(SQL["lease"], name, poll_id, now, every, STEPS, LEASE)
    if row is None:
        return None
    await tx.execute(SQL["begin"], poll_id, name, cause, now)
    return FeedLease(*row)


async def under_way(db: Querier, name: str) -> UUID | None:
    """Returns the poll that holds the lease; None if there is none, or its process has died."""
    found: UUID | None = await db.fetchval(SQL["under_way"], name)
    return found


async def renew(db: Querier, name: str, poll_id: UUID) -> bool:
    """Extends the lease; False if it was lost."""
    return await db.fetchval(SQL["renew"], name, poll_id, LEASE) is not None


async def save_page(tx: Transaction, name: str, poll_id: UUID, page: PageFigures, now: datetime) -> bool:
    """Advances the cursor, in the transaction of the page's content. False if the lease was lost: roll back."""
    return await tx.fetchval(SQL["save_page"], name, poll_id, now, *page) is not None


async def note_not_understood(
    tx: Transaction, name: str, articles_by_field: Mapping[str, int], now: datetime
) -> None:
    """Counts articles by the field that could not be read."""
    if articles_by_field:
        fields, articles = list(articles_by_field), list(articles_by_field.values())
        await tx.execute(SQL["note_not_understood"], name, now, fields, articles)


async def not_understood(db: Querier, since: datetime) -> dict[str, NotUnderstood]:
    """Returns, by feed, the fields that could not be read since then; only feeds with such articles."""
    found: dict[str, dict[str, int]] = {}
    for row in await db.fetch(SQL["not_understood"], since):
        found.setdefault(row["feed"], {})[row["field"]] = row["articles"]
    received = {row["feed"]: row["articles"] for row in await db.fetch(SQL["received"], list(found), since)}
    return {feed: NotUnderstood(received.get(feed, 0), fields) for feed, fields in found.items()}


async def page_limit_unasked(db: Querier, name: str, now: datetime) -> bool:
    """Returns whether pages show a limit and the key's rate limits were not read for a day; records an attempt."""
    return await db.fetchval(SQL["page_limit_unasked"], name, now, CUT_PAGES_MIN) is not None


async def note_page_limit(db: Querier, name: str, stated: int | None) -> None:
    """Records the page limit that the provider states; None if it states none."""
    await db.execute(SQL["note_page_limit"], name, stated)


async def failing(
    db: Querier, name: str, poll_id: UUID, state: str, reason: str, now: datetime
) -> datetime | None:
    """Records that the feed is 'failing' or 'stopped'. Returns since when; None: the lease was lost."""
    since: datetime | None = await db.fetchval(SQL["failing"], name, state, reason, now, poll_id)
    return since


async def end(tx: Transaction, result: PollResult, now: datetime, *, interrupted: bool = False) -> None:
    """Ends a poll and releases the lease. After an interrupted one the next poll stays due."""
    await tx.execute(SQL["end"], result.poll_id, now, result.caught_up, result.error, result.too_old)
    failed = None if interrupted else bool(result.error)
    await tx.execute(SQL["free"], result.feed, result.poll_id, failed)


async def poll(db: Querier, poll_id: UUID) -> Row | None:
    """Returns one poll."""
    return await db.fetchrow(SQL["poll"], poll_id)


async def one(db: Querier, name: str) -> Row:
    """Returns one declared feed."""
    row = await db.fetchrow(SQL["one"], name)
    if row is None:
        raise Conflict(f"feed {name} has no row: it was never declared")
    return row


async def all_feeds(db: Querier) -> list[Row]:
    """Returns every feed with its last poll."""
    return await db.fetch(SQL["all"], CUT_PAGES_MIN)


async def resume(db: Querier, name: str, now: datetime) -> bool:
    """Resumes a stopped feed, after a person has fixed the cause."""
    return await db.fetchval(SQL["resume"], name, now) is not None


async def set_cursor(
    tx: Transaction, name: str, cursor: str | None, origin: Origin, now: datetime
) -> str | None:
    """Sets a cursor by hand, resumes a stopped feed, and ends a running poll. Returns the former cursor."""
    former: str | None = await tx.fetchval(SQL["set_cursor"], name, cursor, *origin, now)
    return former


async def note_origin(db: Querier, name: str, origin: Origin) -> None:
    """Records the owner of the cursor, if it was not known."""
    await db.execute(SQL["note_origin"], name, *origin)


async def reset_cursor(tx: Transaction, name: str, poll_id: UUID, origin: Origin, now: datetime) -> bool:
    """Resets the cursor, because it belongs to another provider or key. False if the lease was lost."""
    return await tx.fetchval(SQL["reset_cursor"], name, poll_id, *origin, now) is not None


async def note_change(tx: Transaction, name: str, change: CursorChange) -> None:
    """Records a change of a cursor."""
    await tx.execute(SQL["note_change"], name, *change)


async def changes(db: Querier, name: str, limit: int) -> list[Row]:
    """Returns changes of a cursor, the newest first."""
    return await db.fetch(SQL["changes"], name, limit)


async def note_gap(tx: Transaction, incident_id: UUID, name: str, lost: Gap) -> None:
    """Records the time span of a gap with its incident."""
    await tx.execute(SQL["note_gap"], incident_id, name, lost.since, lost.until)


async def record_call(db: Querier, feed: str, poll_id: UUID, call: Sequence[object]) -> None:
    """Records one call to a provider: the fields of ``ApiCall``, in their order."""
    await db.execute(SQL["call"], feed, poll_id, *call)


async def calls_page(db: Querier, before_id: int, limit: int) -> list[Row]:
    """Returns calls, the newest first."""
    return await db.fetch(SQL["calls_page"], before_id, limit)


async def take_turn(db: Querier, key_name: str, pause: timedelta, *, urgent: bool) -> datetime | timedelta:
    """Takes the key for one call. Returns the identity of the turn for `end_turn`, else the maximum time to wait.

    A turn that is not ended lasts two pauses: a call that reaches the provider late is not followed too soon, and a
    process that dies during its call blocks the key for no longer.
    """
    turn: datetime | None = await db.fetchval(SQL["take_turn"], key_name, 2 * pause, urgent)
    if turn is not None:
        return turn
    wait: timedelta = await db.fetchval(SQL["turn_wait"], key_name, urgent)
    return wait


async def end_turn(
    db: Querier, key_name: str, pause: timedelta, turn: datetime | None, rest: timedelta
) -> None:
    """Ends a turn: the key may be used after the pause, and after a pause that the provider requested."""
    await db.execute(SQL["end_turn"], key_name, pause, turn, rest)
