"""``python -m alerting ROLE``: worker, api, migrate, and the jobs.

Exit codes: 0 done, 1 failed and worth a retry, 2 wrong usage or configuration, 3 done but people must look.
"""

import argparse
import sys

from alerting.settings import Settings
from clawback_common.process import Stopping, in_words, run

WAIT_S_MAX = 3_600


def main(arguments: list[str] | None = None) -> int:
    """Runs one role until it ends; gives the exit code."""
    parser = argparse.ArgumentParser(prog="alerting", description="Tells people what they must know, once.")
    roles = parser.add_subparsers(dest="role", required=True, metavar="ROLE")
    roles.add_parser("worker", help="listen, tell, watch")
    roles.add_parser("api", help="serve HTTP")
    roles.add_parser("migrate", help="bring the database up to date").add_argument(
        "--phase", choices=("pre", "post", "all"), default="all", help="before or after the new code starts"
    )
    roles.add_parser("test", help="a test alert to everyone by every channel").add_argument(
        "--wait", type=_seconds, default=30.0, metavar="S", help="for the worker to send it (default 30)"
    )
    roles.add_parser("replay-dlq", help="try the quarantined records again")
    roles.add_parser("accept-gap", help="go on behind records that are gone; workers must be stopped")
    chosen = parser.parse_args(arguments)
    settings = in_words(Settings)

    async def work(stopping: Stopping) -> int | None:
        return await _role(chosen, settings, stopping)

    return run(work, service="alerting", settings=settings)


def _seconds(written: str) -> float:
    seconds = float(written)
    if not 0 <= seconds <= WAIT_S_MAX:
        raise argparse.ArgumentTypeError(f"between 0 and {WAIT_S_MAX}")
    return seconds


async def _role(chosen: argparse.Namespace, settings: Settings, stopping: Stopping) -> int | None:
    # A role imports only what it needs, so that it is ready the sooner.
    from alerting import app  # noqa: PLC0415

    match chosen.role:
        case "worker":
            await app.worker(settings, stopping)
        case "api":
            await app.api(settings, stopping)
        case "migrate":
            await app.migrate(settings, chosen.phase)
        case _:
            return await app.job(chosen, settings, stopping)
    return 0


if __name__ == "__main__":
    sys.exit(main())
