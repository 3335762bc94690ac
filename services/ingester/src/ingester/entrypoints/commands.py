"""Commands of the ingester for schedulers and people, with their output."""

import getpass
import sys
from argparse import ArgumentParser, Namespace

from clawback_common.errors import Stop
from clawback_common.retention import floor
from clawback_common.service.arguments import floor_arguments, words
from clawback_common.service.definition import Command
from clawback_common.service.process import ExitCode, ShutdownEvent
from ingester.gateways.providers.port import Feed
from ingester.storage import feeds, sweeps
from ingester.storage.retention import Articles
from ingester.use_cases.cursor import Setting, newest, set_cursor
from ingester.use_cases.poll_runs import poll_recorded
from ingester.use_cases.service import Service

CHANGES_SHOWN = 10


async def poll_command(service: Service, chosen: Namespace, _: ShutdownEvent) -> int:
    """Runs ``ingester poll FEED``: prints the result. Returns 0: read to the end; 1: the provider failed."""
    feed = _feed(service, chosen.feed)
    result = await poll_recorded(feed, service, "command")
    sys.stdout.write(
        f"{feed.name}: {result.pages} pages, {result.received} entries, {result.noticed} notices, "
        f"{'caught up' if result.caught_up else f'stopped: {result.error}'}\n"
    )
    return ExitCode.OK if result.caught_up else ExitCode.RETRY


async def cursor_command(service: Service, chosen: Namespace, _: ShutdownEvent) -> int:
    """Runs ``ingester cursor FEED``: prints the cursor, or sets it with ``--set``, ``--to-oldest``, ``--to-newest``."""
    feed = _feed(service, chosen.feed)
    if chosen.set is not None or chosen.to_oldest or chosen.to_newest:
        cursor = await newest(feed) if chosen.to_newest else chosen.set
        setting = Setting(chosen.by or getpass.getuser(), chosen.reason or "")
        lost = await set_cursor(feed, service, cursor, setting)
        sys.stdout.write(f"gap: {lost or 'none'}\n")
    await _show(feed, service)
    return ExitCode.OK


async def _show(feed: Feed, service: Service) -> None:
    await feeds.declare(service.db, [feed.name], [feed.settings.kind], service.clock.now())
    row = await feeds.one(service.db, feed.name)
    complete = row["last_complete_at"]
    sys.stdout.write(
        f"{feed.name}: cursor {row['cursor'] or 'the oldest'} at {row['endpoint'] or feed.source.origin.endpoint}, "
        f"read to its end {f'{complete:%Y-%m-%d %H:%M} UTC' if complete else 'never'}, {row['state']}\n"
    )
    for one in await feeds.changes(service.db, feed.name, CHANGES_SHOWN):
        sys.stdout.write(
            f"  {one['changed_at']:%Y-%m-%d %H:%M} UTC {one['former'] or 'the oldest'} -> "
            f"{one['cursor'] or 'the oldest'}, by {one['changed_by']}: {one['reason'] or 'no reason given'}; "
            f"gap: {one['gap'] or 'none'}\n"
        )


async def floor_command(service: Service, chosen: Namespace, _: ShutdownEvent) -> int:
    """Runs ``ingester floor``: prints the retention floor, or lowers it so that the provider can deliver again."""
    articles = Articles(service.db, service.clock, service.months)
    ours = floor.Floor(sweeps.retention_floor, sweeps.lower_floor, articles.reopen)
    return await floor.run_role(service.db, service.clock, ours, chosen)


def _feed(service: Service, name: str) -> Feed:
    feed = service.feeds.get(name)
    if feed is None:
        raise Stop(f"there is no feed {name} in FEEDS")
    return feed


def _poll_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("feed", metavar="FEED")


def _cursor_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("feed", metavar="FEED")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--set", metavar="CURSOR", help="continue after this entry")
    where.add_argument(
        "--to-oldest", action="store_true", help="read everything again that the provider still has"
    )
    where.add_argument("--to-newest", action="store_true", help="skip all articles up to now")
    parser.add_argument(
        "--by", type=words, metavar="NAME", help="who sets it (default: the user of the operating system)"
    )
    parser.add_argument("--reason", type=words, metavar="TEXT", help="the reason; it is recorded")


COMMANDS = (
    Command("poll", "poll a feed once, to its end", poll_command, _poll_arguments),
    Command("cursor", "print a feed's cursor, or set it", cursor_command, _cursor_arguments),
    Command(
        "floor", "print the retention floor, or lower it after a mistake", floor_command, floor_arguments
    ),
)
