"""A process that freezes with a lease: another takes over, and the frozen one changes nothing when it resumes."""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from clawback_common.kafka.producer import Producer
from clawback_common.kafka.subscription import BusContext
from clawback_common.messaging.outbox import priority
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.messaging.outbox.relay import Relay
from clawback_common.postgres import Database
from clawback_common.service import leases
from clawback_common.service.process import ShutdownEvent
from clawback_testing.broker import Broker
from clawback_testing.network import Network, network
from clawback_testing.subscribers import ping
from clawback_testing.waiting import until

pytestmark = pytest.mark.integration
HOLDER = Path(__file__).with_name("holder.py")
LEASE_S = 1.5
TAKEN_OVER_S_MAX = 30.0
WAYS = ("stopped", "hanging", "network lost")


@dataclass(slots=True)
class Holder:
    """The process, and the network between it and the database."""

    process: asyncio.subprocess.Process
    link: Network
    wake_file: Path

    async def wait_for_output(self, *words: str) -> str:
        """Wait until it prints one of these words."""
        assert self.process.stdout is not None
        while line := await asyncio.wait_for(self.process.stdout.readline(), TAKEN_OVER_S_MAX):
            if line.decode().strip() in words:
                return line.decode().strip()
        raise AssertionError(f"the holder ended before it printed {words}")

    async def freeze(self, how: str) -> None:
        """Freeze it: it neither renews nor releases its lease."""
        match how:
            case "stopped":
                self.process.send_signal(signal.SIGSTOP)
            case "hanging":
                self.process.send_signal(signal.SIGUSR1)
                await self.wait_for_output("hanging")
            case _:
                self.link.go_silent()

    def wake(self, how: str) -> None:
        """Resume it."""
        match how:
            case "stopped":
                self.process.send_signal(signal.SIGCONT)
            case "hanging":
                self.wake_file.touch()
            case _:
                self.link.recover()


@asynccontextmanager
async def holding(
    what: str, database_url: str, context: BusContext, folder: Path, lease_s: float = LEASE_S
) -> AsyncIterator[Holder]:
    """A process that holds a lease and is about to record its work."""
    at = urlsplit(database_url)
    async with network(at.hostname or "", at.port or 5432) as link:
        url = urlunsplit(at._replace(netloc=f"{at.username}:{at.password}@127.0.0.1:{link.port}"))
        broker, wake_file = context.settings.kafka_bootstrap_servers, folder / "wake"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HOLDER),
            *(what, url, broker, str(lease_s), str(wake_file)),
            stdout=asyncio.subprocess.PIPE,
        )
        holder = Holder(process, link, wake_file)
        try:
            yield holder
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def marks(db: Database) -> list[tuple[object, ...]]:
    rows = await db.fetch(
        "SELECT id, sent_at, partition, kafka_offset, set_aside FROM outbox_priority ORDER BY id"
    )
    return [tuple(row) for row in rows]


async def put(db: Database, *numbers: int, topic: str) -> None:
    async with db.transaction() as tx:
        await PriorityOutbox().put(tx, [ping(number, topic=topic) for number in numbers])


async def all_sent(db: Database) -> bool:
    return bool(await db.fetchval("SELECT bool_and(sent_at IS NOT NULL) FROM outbox_priority"))


@asynccontextmanager
async def relaying(context: BusContext) -> AsyncIterator[None]:
    """Another relay of the same lane, in this process."""
    sender, stop = Producer(context.settings, context.service, linger_ms=0), ShutdownEvent()
    one = Relay(priority.LANE, context.db, sender, context.clock)
    task = asyncio.create_task(one.run(stop))
    try:
        yield
    finally:
        stop.set()
        one.wake()
        await asyncio.wait_for(task, 20)
        await sender.close()


@pytest.mark.parametrize("how", WAYS)
async def test_a_frozen_relay_blocks_nobody_and_marks_nothing_when_it_resumes(
    how: str, broker: Broker, context: BusContext, database_url: str, tmp_path: Path
) -> None:
    topic = await broker.new_topic()
    await put(context.db, 1, 2, topic=topic)
    async with holding("relay", database_url, context, tmp_path) as holder:
        await holder.wait_for_output("working")
        await holder.freeze(how)
        await put(context.db, 3, 4, topic=topic)
        async with relaying(context):
            await until(
                lambda: all_sent(context.db), deadline_s=TAKEN_OVER_S_MAX, what="the other relay sends"
            )
            before = await marks(context.db)
            holder.wake(how)
            assert await holder.wait_for_output("LeaseLost", "Transient", "done") != "done"
            assert await marks(context.db) == before
            await put(context.db, 5, topic=topic)
            await until(lambda: all_sent(context.db), what="the other relay continues")


@pytest.mark.parametrize("how", WAYS)
async def test_a_frozen_job_is_taken_over_and_changes_nothing_when_it_resumes(
    how: str, context: BusContext, database_url: str, tmp_path: Path
) -> None:
    db = context.db
    await db.execute("CREATE TABLE changed AS SELECT 'nobody' AS by, clock_timestamp() AS at")
    async with holding("job", database_url, context, tmp_path) as holder:
        await holder.wait_for_output("done")
        await holder.wait_for_output("working")
        await holder.freeze(how)
        async with leases.alone(db, "job", patient=True) as alone:
            assert alone
            await db.execute("UPDATE changed SET by = 'successor'")
            holder.wake(how)
            assert await holder.wait_for_output("LeaseLost", "Transient", "done") != "done"
            assert await db.fetchval("SELECT by FROM changed") == "successor"
        await holder.wait_for_output("done")  # the lease is free again, and it is alive


async def test_with_real_timeouts_a_frozen_relay_is_taken_over_within_30_seconds(
    broker: Broker, context: BusContext, database_url: str, tmp_path: Path
) -> None:
    topic = await broker.new_topic()
    await put(context.db, 1, topic=topic)
    async with holding("relay", database_url, context, tmp_path, leases.LEASE_S) as holder:
        await holder.wait_for_output("working")
        await holder.freeze("network lost")
        frozen_at = time.monotonic()
        async with relaying(context):
            await until(
                lambda: all_sent(context.db), deadline_s=TAKEN_OVER_S_MAX, what="the other relay sends"
            )
        assert time.monotonic() - frozen_at < TAKEN_OVER_S_MAX


async def test_a_server_and_a_client_detect_a_lost_peer_within_30_seconds(database: Database) -> None:
    async with database.session() as connection:
        timeouts = {
            name: await connection.fetchval(f"SHOW {name}")
            for name in (
                "tcp_keepalives_idle",
                "tcp_keepalives_interval",
                "tcp_keepalives_count",
                "tcp_user_timeout",
                "idle_in_transaction_session_timeout",
            )
        }
        client_socket = connection._con._transport.get_extra_info("socket")
        assert client_socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert client_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
        assert client_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
    assert timeouts == {
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "30000",
        "idle_in_transaction_session_timeout": "20s",
    }
