"""``python -m compliance ROLE``: worker, api, migrate, and the jobs.

Exit codes: 0 done, 1 failed and worth a retry, 2 wrong usage or configuration, 3 done but people must look.
"""

import argparse
import sys
from pathlib import Path

from clawback_common.process import Stopping, in_words, run
from compliance.settings import Settings

MINUTES_MAX = 24 * 60


def main(arguments: list[str] | None = None) -> int:
    """Runs one role until it ends; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="compliance", description="Turns notices into orders and sees every copy removed."
    )
    roles = parser.add_subparsers(dest="role", required=True, metavar="ROLE")
    roles.add_parser("worker", help="listen, order, look, watch")
    roles.add_parser("api", help="serve HTTP")
    roles.add_parser("migrate", help="bring the database up to date").add_argument(
        "--phase", choices=("pre", "post", "all"), default="all", help="before or after the new code starts"
    )
    roles.add_parser("run", help="the daily check").add_argument(
        "--wait", type=_minutes, default=15.0, metavar="MIN", help="for obligations to close (default 15)"
    )
    roles.add_parser("health", help="what is late; closes what time has closed")
    roles.add_parser("replay-dlq", help="try the quarantined records again")
    roles.add_parser("accept-gap", help="go on behind records that are gone; workers must be stopped")
    archived = roles.add_parser("archive", help="look into what was archived")
    archived.add_argument("do", choices=("verify", "read"), help="compare it with its manifest, or print it")
    archived.add_argument("path", type=Path, metavar="PATH", help="its manifest, or the folder of it")
    chosen = parser.parse_args(arguments)
    if chosen.role == "archive":
        return _archive(chosen)
    settings = in_words(Settings)

    async def work(stopping: Stopping) -> int | None:
        return await _role(chosen, settings, stopping)

    return run(work, service="compliance", settings=settings)


def _archive(chosen: argparse.Namespace) -> int:
    """Needs no settings and no server: an archive is read wherever it lies."""
    from compliance.inlet.archives import read_command, verify_command  # noqa: PLC0415

    return verify_command(chosen.path) if chosen.do == "verify" else read_command(chosen.path)


def _minutes(written: str) -> float:
    minutes = float(written)
    if not 0 <= minutes <= MINUTES_MAX:
        raise argparse.ArgumentTypeError(f"between 0 and {MINUTES_MAX}")
    return minutes


async def _role(chosen: argparse.Namespace, settings: Settings, stopping: Stopping) -> int | None:
    # A role imports only what it needs: a worker serves no API and is ready the sooner.
    from compliance import app  # noqa: PLC0415

    match chosen.role:
        case "worker":
            await app.worker(settings, stopping)
        case "api":
            from compliance.inlet.api import serve_api  # noqa: PLC0415

            async with app.opened(settings) as parts:
                await serve_api(parts.service, stopping)
        case "migrate":
            await app.migrate(settings, chosen.phase)
        case _:
            return await app.job(chosen, settings, stopping)
    return 0


if __name__ == "__main__":
    sys.exit(main())
