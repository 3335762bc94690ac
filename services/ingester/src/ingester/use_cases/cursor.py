"""The command that shows a feed's cursor, and sets it where the provider takes it no more or a person knows better."""

import argparse
import getpass
import sys
from datetime import datetime
from uuid import uuid4

from clawback_common import jobs
from clawback_common.errors import Stop
from ingester import use_cases
from ingester.domain.gap import Gap, past_the_window
from ingester.gateways.providers.metabase.scalars import int64
from ingester.storage import feeds
from ingester.use_cases import Service
from ingester.use_cases.polling import Feed, oldest_held

CHANGES_SHOWN = 10
CURSOR_CHARS_MAX = 200


async def cursor_command(feed: Feed | None, service: Service, chosen: argparse.Namespace) -> int:
    """``ingester cursor FEED``: shows it, or sets it with ``--set``, ``--to-oldest`` or ``--to-newest``. 0 done.

    Raises:
        Stop: there is no such feed, or what is wished cannot be.
        Transient: the provider, which is asked for its oldest or newest article, fails: nothing is changed.
    """
    if feed is None:
        raise Stop(f"no feed {chosen.feed} in FEEDS")
    await feeds.declare(service.db, [feed.name], [feed.settings.kind], service.clock.now())
    if chosen.set is not None:
        await _move(feed, service, chosen, _checked(feed, chosen.set))
    elif chosen.to_oldest:
        await _move(feed, service, chosen, None)
    elif chosen.to_newest:
        await _move(feed, service, chosen, await _newest(feed))
    await _show(feed, service)
    return 0


def _checked(feed: Feed, cursor: str) -> str:
    if feed.settings.kind == "articles" and int64(cursor) is None:
        raise Stop("the cursor of a feed of articles is a number, the sequenceId of an article")
    if not 0 < len(cursor) <= CURSOR_CHARS_MAX or not cursor.isprintable():
        raise Stop(f"a cursor has 1 to {CURSOR_CHARS_MAX} printable characters")
    return cursor


async def _newest(feed: Feed) -> str:
    if feed.settings.kind == "revoked":
        raise Stop("revocations are never skipped: use --to-oldest, which reads all of them again")
    page = await feed.connect(uuid4()).newest()
    if page.last_sequence is None:
        raise Stop("the provider has no newest article: use --to-oldest")
    return page.last_sequence


async def _move(feed: Feed, service: Service, chosen: argparse.Namespace, cursor: str | None) -> None:
    by = chosen.by or getpass.getuser()
    row = await feeds.one(service.db, feed.name)
    lost = await _gap(feed, service, row["cursor"], cursor, row["last_complete_at"])
    async with jobs.run(service.db, service.clock, "cursor", cause="command", subject=by):
        now = service.clock.now()
        async with service.db.transaction() as tx:
            former = await feeds.set_cursor(tx, feed.name, cursor, feed.origin, now)
            words = str(lost) if lost else None
            change = feeds.CursorChange(now, by, chosen.reason or "", former, cursor, words)
            await feeds.note_change(tx, feed.name, change)
            if lost is not None:
                await use_cases.on_feed_gap(tx, service, feed.name, lost)
    sys.stdout.write(f"gap: {lost or 'none'}\n")


async def _gap(
    feed: Feed, service: Service, former: str | None, cursor: str | None, complete_at: datetime | None
) -> Gap | None:
    """What will not be delivered for it. Cursors of revocations have no order that is known: any may skip some."""
    now, articles = service.clock.now(), feed.settings.kind == "articles"
    if cursor is not None:
        back = articles and former is not None and int(cursor) <= int(former)
        what = "articles" if articles else "revocations"
        ends = (former or "the beginning", cursor)
        return None if back or cursor == former else Gap(what, complete_at, now, ends)
    if not articles:
        return None
    oldest = await oldest_held(feed.connect(uuid4()))
    return past_the_window(former, complete_at, oldest, now, service.settings.window)


async def _show(feed: Feed, service: Service) -> None:
    row = await feeds.one(service.db, feed.name)
    complete = row["last_complete_at"]
    sys.stdout.write(
        f"{feed.name}: cursor {row['cursor'] or 'the oldest'} at {row['endpoint'] or feed.origin.endpoint}, "
        f"read to its end {f'{complete:%Y-%m-%d %H:%M} UTC' if complete else 'never'}, {row['state']}\n"
    )
    for one in await feeds.changes(service.db, feed.name, CHANGES_SHOWN):
        sys.stdout.write(
            f"  {one['changed_at']:%Y-%m-%d %H:%M} UTC {one['former'] or 'the oldest'} -> "
            f"{one['cursor'] or 'the oldest'}, by {one['changed_by']}: {one['reason'] or 'no reason given'}; "
            f"gap: {one['gap'] or 'none'}\n"
        )
