"""What a scheduler or a person starts by a command, and what it prints."""

import asyncio
import sys
from argparse import ArgumentParser, Namespace

from alerting import use_cases
from alerting.storage import messages
from alerting.use_cases import Service
from clawback_common.service import jobs
from clawback_common.service.arguments import seconds
from clawback_common.service.definition import Command
from clawback_common.service.process import ExitCode, ShutdownEvent

LOOK_S = 0.2


def say(line: str) -> None:
    """A line for whoever reads along, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def test_command(service: Service, chosen: Namespace, stopping: ShutdownEvent) -> int:
    """``alerting test``: a test alert to everyone by every channel, sent by the worker. 0 all went, 3 some did not."""
    async with jobs.run(service.db, service.clock, "test", cause="command") as run:
        alert = await use_cases.test_everybody("command", service)
        loop = asyncio.get_running_loop()
        end = loop.time() + chosen.wait
        while True:
            rows = [
                row
                for row in await messages.of_alert(service.db, alert.fingerprint)
                if row["occurrence"] == alert.occurrence
            ]
            open_rows = [row for row in rows if row["sent_at"] is None]
            if not open_rows or loop.time() >= end or await stopping.sleep(LOOK_S):
                break
        for row in sorted(rows, key=lambda row: (row["channel"], row["recipient"])):
            state = "sent" if row["sent_at"] else f"not sent: {row['error'] or 'no worker took it in time'}"
            say(f"{row['channel']} to {row['recipient']}: {state}")
        run.count(sent=len(rows) - len(open_rows), not_sent=len(open_rows))
        if not open_rows:
            return ExitCode.OK
        run.needs_attention("some were not sent in time; they are tried again")
        return ExitCode.ATTENTION


def _test_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--wait", type=seconds, default=30.0, metavar="S", help="for the worker to send it (default 30)"
    )


COMMANDS = (Command("test", "a test alert to everyone by every channel", test_command, _test_arguments),)
