"""``python -m retention ROLE``: worker, api, migrate, and the jobs.

Exit codes: 0 done, 1 failed and worth a retry, 2 wrong usage or configuration, 3 done but people must look.
"""

import argparse
import sys

from clawback_common.process import Stopping, in_words, run
from retention.domain.classes import CLASSES
from retention.settings import Settings

MINUTES_MAX = 24 * 60


def main(arguments: list[str] | None = None) -> int:
    """Runs one role until it ends; gives the exit code."""
    chosen = _parser().parse_args(arguments)
    settings = in_words(Settings)

    async def work(stopping: Stopping) -> int | None:
        return await _role(chosen, settings, stopping)

    return run(work, service="retention", settings=settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="retention", description="Says how long data is kept, and sees its owners let go of it."
    )
    roles = parser.add_subparsers(dest="role", required=True, metavar="ROLE")
    roles.add_parser("worker", help="ask, listen, watch")
    roles.add_parser("api", help="serve HTTP")
    roles.add_parser("migrate", help="bring the database up to date").add_argument(
        "--phase", choices=("pre", "post", "all"), default="all", help="before or after the new code starts"
    )
    sweep = roles.add_parser("sweep", help="the weekly sweep: ask the owners, wait, say what each did")
    sweep.add_argument("--class", dest="data_class", choices=sorted(CLASSES), help="this one alone")
    sweep.add_argument("--dry-run", action="store_true", help="count what would go, touch nothing")
    sweep.add_argument(
        "--wait", type=_minutes, default=15.0, metavar="MIN", help="for the owners' answers (default 15)"
    )
    roles.add_parser("holds", help="list the legal holds in force").add_argument(
        "--all", action="store_true", help="also those that are over"
    )
    roles.add_parser("replay-dlq", help="try the quarantined records again")
    roles.add_parser("accept-gap", help="go on behind records that are gone; workers must be stopped")
    return parser


def _minutes(written: str) -> float:
    minutes = float(written)
    if not 0 <= minutes <= MINUTES_MAX:
        raise argparse.ArgumentTypeError(f"between 0 and {MINUTES_MAX}")
    return minutes


async def _role(chosen: argparse.Namespace, settings: Settings, stopping: Stopping) -> int | None:
    # A role imports only what it needs: a worker serves no API and is ready the sooner.
    from retention import app  # noqa: PLC0415

    match chosen.role:
        case "worker":
            await app.worker(settings, stopping)
        case "api":
            from retention.inlet.api import serve_api  # noqa: PLC0415

            async with app.opened(settings) as service:
                await serve_api(service, stopping)
        case "migrate":
            await app.migrate(settings, chosen.phase)
        case _:
            return await app.job(chosen, settings, stopping)
    return 0


if __name__ == "__main__":
    sys.exit(main())
