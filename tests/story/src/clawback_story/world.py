"""The running system of the scenario: the stack, its clients, and the history."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import yaml
from aiokafka import AIOKafkaProducer
from typing_extensions import override

from clawback_local import Stack
from clawback_local.config import DATABASES
from clawback_local.stack import ANY_PART
from clawback_simulator.client import SimulatorClient
from clawback_story.downstream import Downstream
from clawback_story.history import Fault, History
from clawback_story.output import Printer
from clawback_story.plan import Sizes
from clawback_story.texts import Written

LOOK_S = 0.1
DISCONNECT_S = 5.0
FEED, REVOKED_FEED = "metabase-articles", "metabase-revoked"
METABASE, PARTNER, UPSTREAM = "metabase", "partner", "upstream"
RECORD_BYTES_MAX = 3_000_000
HTTP_TIMEOUT_S = 300.0
OWN_SERVERS = (
    "KAFKA_BOOTSTRAP_SERVERS",
    "POSTGRES_URL",
    "METABASE_URL",
    "REDIS_URL",
    "SMTP_URL",
    "SMS_URL",
    "ARCHIVE_URL",
)
"""Variables that name external servers; the scenario breaks and fills its own servers only."""
POLICIES = Path(__file__).with_name("policies.yaml")
ROUTES = Path(__file__).with_name("routes.yaml")
QUICK_ENV = {
    "ingester-worker": {"METABASE_PAUSE_S": "0.05"},
    "ingester-api": {"METABASE_PAUSE_S": "0.05"},
    "retention-worker": {"POLICIES": str(POLICIES)},
    "retention-api": {"POLICIES": str(POLICIES)},
    "alerting-worker": {"ALERT_ROUTES": str(ROUTES), "HEALTH_TIMEOUT_S": "10"},
    "alerting-api": {"ALERT_ROUTES": str(ROUTES), "HEALTH_TIMEOUT_S": "10"},
}
"""The provider's pause between two calls is 20 s, and the simulator needs none; articles are kept for a year instead of
two; no notification waits for minutes; a service that is slow on a loaded machine is not reported as down.
"""


MANY_REQUESTS_ENV = {ANY_PART: {"RATE_LIMIT_BURST": "100000"}}
"""All clients of the scenario have one address and few keys."""
AUTHENTICATED_ENV = {ANY_PART: {"ENABLE_AUTH": "true"}}
"""Every request needs a key, and every record of the priority lane a signature."""


class Broken(Exception):
    """The scenario cannot continue: a required event did not happen."""


@dataclass
class World:
    """Everything that a chapter needs. Databases are accessed as administrator, not through the services."""

    stack: Stack
    sizes: Sizes
    seed: int
    printer: Printer
    simulator: SimulatorClient
    services: dict[str, httpx.AsyncClient]
    """The API of each running service."""
    databases: dict[str, asyncpg.Pool]
    downstream: Downstream
    history: History = field(default_factory=History)
    written: dict[str, Written] = field(default_factory=dict)
    """Articles of the partner and the upstream system that must be held unless revoked."""
    spoilt_tokens: set[str] = field(default_factory=set)
    """Tokens in garbage, which is content that nobody may publish."""
    chance: random.Random = field(init=False)
    _producer: AIOKafkaProducer | None = None

    def __post_init__(self) -> None:
        """The same seed makes the same choices."""
        self.chance = random.Random(self.seed)  # noqa: S311 - variety, not secrecy

    def key(self, role: str) -> dict[str, str]:
        """Returns the header with the key of a role."""
        key = (self.stack.paths.keys / f"{role}.key").read_text().strip()
        return {"Authorization": f"Bearer {key}"}

    @property
    def ingester(self) -> httpx.AsyncClient:
        """The ingester's API."""
        return self.services["ingester"]

    @property
    def compliance(self) -> httpx.AsyncClient:
        """The API of compliance."""
        return self.services["compliance"]

    @property
    def analytics(self) -> httpx.AsyncClient:
        """The API of analytics."""
        return self.services["analytics"]

    @property
    def alerting(self) -> httpx.AsyncClient:
        """The API of alerting."""
        return self.services["alerting"]

    @property
    def retention(self) -> httpx.AsyncClient:
        """The API of retention."""
        return self.services["retention"]

    @property
    def webhook_secret(self) -> str:
        """The secret of the partner."""
        secrets = yaml.safe_load((self.stack.paths.keys / "webhook_secrets.yaml").read_text())
        return str(secrets[PARTNER][0])

    @property
    def bootstrap_servers(self) -> str:
        """Kafka's address."""
        return self.stack.env["KAFKA_BOOTSTRAP_SERVERS"]

    async def producer(self) -> AIOKafkaProducer:
        """Returns the producer of all clients; it validates nothing, so that garbage can be sent."""
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                **self.stack.kafka,
                acks="all",
                linger_ms=2,
                max_request_size=RECORD_BYTES_MAX,
                request_timeout_ms=10_000,
            )
            await self._producer.start()
        return self._producer

    async def reconnect(self) -> None:
        """Closes the database connections; the next query opens new ones."""
        await self._disconnect()
        self.databases = await _pools(self.stack.env["POSTGRES_URL"])

    async def close(self) -> None:
        """Stops everything that was started."""
        await self.downstream.stop()
        await self.forget_producer()
        await self._disconnect()

    async def _disconnect(self) -> None:
        for pool in self.databases.values():
            try:
                await asyncio.wait_for(pool.close(), DISCONNECT_S)
            except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                pool.terminate()

    async def forget_producer(self) -> None:
        """Closes the connections to Kafka."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def value(self, database: str, question: str, *values: Any) -> Any:
        """Returns one value of one row."""
        return await self.databases[database].fetchval(question, *values)

    async def rows(self, database: str, question: str, *values: Any) -> list[asyncpg.Record]:
        """Returns rows."""
        found: list[asyncpg.Record] = await self.databases[database].fetch(question, *values)
        return found

    def broke(self, what: str, in_flight: int) -> None:
        """Records a fault, and what was in flight at that moment."""
        self.history.faults.append(Fault(what, datetime.now(UTC), in_flight))

    async def until(
        self,
        what: str,
        condition: Callable[[], Awaitable[bool]],
        *,
        within_s: float,
        every_s: float = LOOK_S,
    ) -> float:
        """Waits for a condition; returns the seconds that it took.

        Raises:
            Broken: it was not true within the time.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not await condition():
            if loop.time() - began > within_s:
                raise Broken(f"{what}: not within {within_s:.0f} s")
            await asyncio.sleep(every_s)
        return loop.time() - began

    async def stop(self, part: str) -> None:
        """Stops all replicas of a worker or an API."""
        await asyncio.gather(*(self.in_thread(self.stack.stop, one) for one in self.stack.processes(part)))

    async def start(self, part: str) -> None:
        """Starts all of them, and waits until they are ready."""
        await asyncio.gather(*(self.in_thread(self.stack.start, one) for one in self.stack.processes(part)))

    async def in_thread(self, act: Callable[..., Any], *values: Any) -> Any:
        """Runs something that blocks, such as the methods of the stack, in a thread."""
        return await asyncio.to_thread(act, *values)


@asynccontextmanager
async def opened(stack: Stack, sizes: Sizes, seed: int, printer: Printer) -> AsyncIterator[World]:
    """Opens the world of a running stack; everything that it started ends with the block."""
    env = stack.env
    async with AsyncExitStack() as ending:
        world = World(
            stack,
            sizes,
            seed,
            printer,
            await ending.enter_async_context(
                SimulatorClient(env["METABASE_URL"], verify=stack.client_context)
            ),
            {
                name: await ending.enter_async_context(_http(stack, env[f"{name.upper()}_URL"]))
                for name in DATABASES
                if f"{name.upper()}_URL" in env
            },
            await _pools(env["POSTGRES_URL"]),
            Downstream(stack),
        )
        ending.push_async_callback(world.close)
        yield world


def _http(stack: Stack, url: str) -> httpx.AsyncClient:
    """Returns a client that uses the key of a reader."""
    return httpx.AsyncClient(
        base_url=f"{url}/api/v1",
        timeout=httpx.Timeout(HTTP_TIMEOUT_S, connect=5.0),
        trust_env=False,
        verify=stack.client_context,
        auth=_Reader((stack.paths.keys / "reader.key").read_text().strip()),
    )


NO_KEY = httpx.Auth()
"""For a request that sends its own headers, without the reader's key."""


class _Reader(httpx.Auth):
    """Adds a reader's key to every request that has none."""

    def __init__(self, key: str) -> None:
        self._key = key

    @override
    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers.setdefault("Authorization", f"Bearer {self._key}")
        yield request


async def _pools(admin: str) -> dict[str, asyncpg.Pool]:
    return {
        name: await asyncpg.create_pool(database_address(admin, name), min_size=0, max_size=4, timeout=10)
        for name in DATABASES
    }


def database_address(admin: str, name: str) -> str:
    """Returns the address of a database, by name, on the administrator's server."""
    return urlunsplit(urlsplit(admin)._replace(path=f"/{name}"))
