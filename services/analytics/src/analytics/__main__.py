"""``python -m analytics ROLE``: worker, api, migrate, and the jobs.

Exit codes: 0 done, 1 failed and worth a retry, 2 wrong usage or configuration, 3 done but people must look.
"""

import argparse
import sys

from analytics.settings import Settings
from clawback_common.arguments import add_floor_role
from clawback_common.process import Stopping, in_words, run


def main(arguments: list[str] | None = None) -> int:
    """Runs one role until it ends; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="analytics",
        description="Counts what the licensed articles are about, and forgets what was revoked.",
    )
    roles = parser.add_subparsers(dest="role", required=True, metavar="ROLE")
    roles.add_parser("worker", help="listen and count")
    roles.add_parser("api", help="serve HTTP")
    roles.add_parser("migrate", help="bring the database up to date").add_argument(
        "--phase", choices=("pre", "post", "all"), default="all", help="before or after the new code starts"
    )
    roles.add_parser("replay-dlq", help="try the quarantined records again")
    roles.add_parser("accept-gap", help="go on behind records that are gone; workers must be stopped")
    add_floor_role(roles)
    chosen = parser.parse_args(arguments)
    settings = in_words(Settings)

    async def work(stopping: Stopping) -> int | None:
        return await _role(chosen, settings, stopping)

    return run(work, service="analytics", settings=settings)


async def _role(chosen: argparse.Namespace, settings: Settings, stopping: Stopping) -> int | None:
    # A role imports only what it needs: a worker serves no API and is ready the sooner.
    from analytics import app  # noqa: PLC0415

    match chosen.role:
        case "worker":
            await app.worker(settings, stopping)
        case "api":
            from analytics.inlet.api import serve_api  # noqa: PLC0415

            async with app.opened(settings) as service:
                await serve_api(service, stopping)
        case "migrate":
            await app.migrate(settings, chosen.phase)
        case _:
            return await app.job(chosen, settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
