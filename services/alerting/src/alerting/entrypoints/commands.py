"""The CLI commands of alerting."""

import asyncio
import sys
from argparse import ArgumentParser, Namespace

from alerting.storage import messages
from alerting.use_cases import operators
from alerting.use_cases.service import Service
from clawback_common.service import jobs
from clawback_common.service.arguments import seconds
from clawback_common.service.definition import Command
from clawback_common.service.process import ExitCode, ShutdownEvent

POLL_S = 0.2


def write_line(line: str) -> None:
    """Writes a line to stdout and flushes it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def test_command(service: Service, chosen: Namespace, stopping: ShutdownEvent) -> int:
    """``alerting test``: sends a test alert to every recipient through every channel.

    Returns:
        0 if the worker sent all messages in time, 3 if it did not.
    """
    async with jobs.run(service.db, service.clock, "test", cause="command") as run:
        alert = await operators.send_test_alert("command", service)
        loop = asyncio.get_running_loop()
        end = loop.time() + chosen.wait
        while True:
            rows = [
                row
                for row in await messages.of_alert(service.db, alert.fingerprint)
                if row["occurrence"] == alert.occurrence
            ]
            open_rows = [row for row in rows if row["sent_at"] is None]
            if not open_rows or loop.time() >= end or await stopping.sleep(POLL_S):
                break
        for row in sorted(rows, key=lambda row: (row["channel"], row["recipient"])):
            state = "sent" if row["sent_at"] else f"not sent: {row['error'] or 'no worker sent it in time'}"
            write_line(f"{row['channel']} to {row['recipient']}: {state}")
        run.count(sent=len(rows) - len(open_rows), not_sent=len(open_rows))
        if not open_rows:
            return ExitCode.OK
        run.needs_attention("some messages were not sent in time; the worker retries them")
        return ExitCode.ATTENTION


def _test_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        type=seconds,
        default=30.0,
        metavar="S",
        help="seconds to wait for the worker (default 30)",
    )


COMMANDS = (
    Command("test", "send a test to every recipient through every channel", test_command, _test_arguments),
)
