"""Setting a feed's cursor by hand, with the resulting gap."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from clawback_common.errors import Stop
from clawback_common.service import jobs
from ingester.domain.gap import Gap, past_the_window
from ingester.gateways.providers.port import Feed
from ingester.storage import feeds
from ingester.use_cases.notices import on_feed_gap
from ingester.use_cases.service import Service

CURSOR_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class Setting:
    """Who sets a cursor, and why."""

    by: str
    reason: str


async def set_cursor(feed: Feed, service: Service, cursor: str | None, setting: Setting) -> Gap | None:
    """Sets the cursor to continue after this entry, or at the oldest one. Returns the resulting gap.

    Raises:
        Stop: It cannot be a cursor of this feed.
        Transient: The provider, which is asked for its oldest entry, failed; nothing was changed.
    """
    if cursor is not None:
        _check(feed, cursor)
    await feeds.declare(service.db, [feed.name], [feed.settings.kind], service.clock.now())
    row = await feeds.one(service.db, feed.name)
    lost = await _gap(feed, service, row["cursor"], cursor, row["last_complete_at"])
    async with jobs.run(service.db, service.clock, "cursor", cause="command", subject=setting.by):
        now = service.clock.now()
        async with service.db.transaction() as tx:
            former = await feeds.set_cursor(tx, feed.name, cursor, feed.source.origin, now)
            words = str(lost) if lost else None
            change = feeds.CursorChange(now, setting.by, setting.reason, former, cursor, words)
            await feeds.note_change(tx, feed.name, change)
            if lost is not None:
                await on_feed_gap(tx, service, feed.name, lost)
    return lost


async def newest(feed: Feed) -> str:
    """Returns the cursor after all present entries.

    Raises:
        Stop: The provider has none.
        Transient: The provider failed.
    """
    if feed.settings.kind == "revoked":
        raise Stop("revocations must not be skipped: use --to-oldest, which reads all of them again")
    found = await feed.source.connect(uuid4()).newest()
    if found is None:
        raise Stop("the provider has no newest article: use --to-oldest")
    return found


def _check(feed: Feed, cursor: str) -> None:
    try:
        feed.source.place(cursor)
    except ValueError as error:
        raise Stop(str(error)) from None
    if not 0 < len(cursor) <= CURSOR_CHARS_MAX or not cursor.isprintable():
        raise Stop(f"a cursor must have 1 to {CURSOR_CHARS_MAX} printable characters")


async def _gap(
    feed: Feed, service: Service, former: str | None, cursor: str | None, complete_at: datetime | None
) -> Gap | None:
    now, window = service.clock.now(), feed.source.window
    if cursor is not None:
        ends = (former or "the beginning", cursor)
        what = "articles" if feed.settings.kind == "articles" else "revocations"
        return None if _skips_nothing(feed, former, cursor) else Gap(what, complete_at, now, ends)
    if window is None:
        return None
    oldest = await feed.source.connect(uuid4()).oldest()
    return past_the_window(former, complete_at, oldest, now, window)


def _skips_nothing(feed: Feed, former: str | None, cursor: str) -> bool:
    """Returns whether nothing is skipped. If cursors have no known order, any change may skip entries."""
    if cursor == former:
        return True
    there, here = (feed.source.place(former) if former is not None else None), feed.source.place(cursor)
    return there is not None and here is not None and here <= there
