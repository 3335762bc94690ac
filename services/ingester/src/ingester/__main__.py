"""``python -m ingester ROLE``: worker, api, migrate, and the jobs.

Exit codes: 0 done, 1 failed and worth a retry, 2 wrong usage or configuration, 3 done but people must look.
"""

import argparse
import sys
from typing import Any

from clawback_common.arguments import floor_arguments, words
from clawback_common.process import Stopping, in_words, run
from ingester.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Runs one role until it ends; gives the exit code."""
    chosen = parser().parse_args(arguments)
    settings = in_words(Settings)

    async def work(stopping: Stopping) -> int | None:
        return await _role(chosen, settings, stopping)

    return run(work, service="ingester", settings=settings)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parsing = argparse.ArgumentParser(
        prog="ingester", description="Brings licensed articles in and publishes them."
    )
    roles = parsing.add_subparsers(dest="role", required=True, metavar="ROLE")
    roles.add_parser("worker", help="listen, poll, publish")
    roles.add_parser("api", help="serve HTTP")
    roles.add_parser("migrate", help="bring the database up to date").add_argument(
        "--phase", choices=("pre", "post", "all"), default="all", help="before or after the new code starts"
    )
    roles.add_parser("poll", help="one pass over a feed").add_argument("feed", metavar="FEED")
    roles.add_parser("replay-dlq", help="try the quarantined records again")
    roles.add_parser("accept-gap", help="go on behind records that are gone; workers must be stopped")
    floor_arguments(roles.add_parser("floor", help="print the retention floor, or lower it after a mistake"))
    _add_cursor_role(roles)
    return parsing


def _add_cursor_role(roles: Any) -> None:
    role: argparse.ArgumentParser = roles.add_parser("cursor", help="print a feed's cursor, or set it")
    role.add_argument("feed", metavar="FEED")
    where = role.add_mutually_exclusive_group()
    where.add_argument("--set", metavar="CURSOR", help="go on behind this entry")
    where.add_argument(
        "--to-oldest", action="store_true", help="read all that the provider still holds again"
    )
    where.add_argument("--to-newest", action="store_true", help="skip all articles up to now")
    role.add_argument(
        "--by", type=words, metavar="NAME", help="who sets it; the user of the system by default"
    )
    role.add_argument("--reason", type=words, metavar="TEXT", help="why; it is recorded")


async def _role(chosen: argparse.Namespace, settings: Settings, stopping: Stopping) -> int | None:
    # A role imports only what it needs: a worker serves no API and is ready the sooner.
    from ingester import app  # noqa: PLC0415

    match chosen.role:
        case "worker":
            await app.worker(settings, stopping)
        case "api":
            from ingester.entrypoints.http.api import serve_api  # noqa: PLC0415

            async with app.opened(settings) as (service, by_name):
                await serve_api(service, by_name, stopping)
        case "migrate":
            await app.migrate(settings, chosen.phase)
        case _:
            return await app.job(chosen, settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
