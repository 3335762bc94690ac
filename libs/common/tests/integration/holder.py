"""A process that holds a lease, to be frozen by a test. Prints its state to stdout, one word per line.

Arguments: ``relay`` or ``job``, the database's address, the broker's, the seconds of a lease, a file. SIGUSR1 blocks
its event loop until that file exists.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from typing_extensions import override

from clawback_common.clock import SystemClock
from clawback_common.config.settings import CommonSettings
from clawback_common.errors import ClawbackError
from clawback_common.kafka.producer import Producer, Sent
from clawback_common.messaging.outbox import priority
from clawback_common.messaging.outbox.relay import Relay, Waiting
from clawback_common.postgres import Database
from clawback_common.service import leases
from clawback_common.service.leases import Lease
from clawback_common.service.process import ShutdownEvent

PAUSE_S = 1.0
"""Between the leased work and the transaction that records it; here the test freezes the process."""


class SlowRelay(Relay):
    """Prints when it has sent, and waits before it marks the rows."""

    @override
    async def _mark(self, places: Sequence[tuple[Waiting, Sent | None]], lease: Lease) -> None:
        output("working")
        await asyncio.sleep(PAUSE_S)
        try:
            await super()._mark(places, lease)
        except ClawbackError as error:
            output(type(error).__name__)
            raise
        output("done")


def output(word: str) -> None:
    """Print a word for the test."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def relay(db: Database, broker: str) -> None:
    """Send the messages of the outbox."""
    producer = Producer(CommonSettings(kafka_bootstrap_servers=broker), "holder", linger_ms=0)
    await SlowRelay(priority.LANE, db, producer, SystemClock()).run(ShutdownEvent())


async def job(db: Database, _: str) -> None:
    """Change a row repeatedly, directly and in a task."""
    while True:
        try:
            async with leases.alone(db, "job") as alone:
                while alone:
                    output("working")
                    await asyncio.sleep(PAUSE_S)
                    await asyncio.create_task(change(db))
                    output("done")
        except ClawbackError as error:
            output(type(error).__name__)
        await asyncio.sleep(0.1)


async def change(db: Database) -> None:
    """Do the work that only the holder may do."""
    await db.execute("UPDATE changed SET by = 'holder', at = clock_timestamp()")


def hang(until: str) -> None:
    """Block the event loop."""
    output("hanging")
    while not Path(until).exists():
        time.sleep(0.05)


async def main(what: str, database_url: str, broker: str, lease_s: str, wake: str) -> None:
    """Run until the process is killed."""
    leases.LEASE_S = float(lease_s)
    leases.LOOK_S = 0.1
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, hang, wake)
    async with Database.connect(database_url, name="holder") as db:
        await {"relay": relay, "job": job}[what](db, broker)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
