"""Our stores ask compliance which orders it issued, over HTTP with authentication enabled."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from pydantic import AnyHttpUrl
from structlog.testing import capture_logs

from analytics import service as analytics
from analytics.gateways.cache import Cache
from analytics.settings import Settings as AnalyticsSettings
from analytics.use_cases.orders import on_orders
from clawback_common.http.probes import Probes
from clawback_common.messaging import unconfirmed
from clawback_common.messaging.outbox.bulk import BulkOutbox
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.postgres.migrate import Migration
from clawback_common.service.api import application
from clawback_common.service.process import ShutdownEvent, loop_forever
from clawback_testing.clock import FakeClock
from clawback_testing.databases import Databases
from clawback_testing.waiting import until
from compliance import service as compliance
from compliance.settings import Settings as ComplianceSettings
from compliance.use_cases import holders
from compliance.use_cases.orders import reinstate
from ingester import service as ingester
from ingester.settings import Settings as IngesterSettings
from ingester.use_cases import orders
from services.analytics.tests.integration.world import World as AnalyticsWorld
from services.compliance.tests.integration.conftest import SEARCH, World, service_of
from services.ingester.tests.integration.world import World as IngesterWorld
from tests.pairs.serving import served

pytestmark = pytest.mark.integration

A = "up:a"
NOT_ISSUED = 2**53 - 1
REPLY_S_MAX = 5


@pytest.fixture
def migrations() -> Sequence[Migration]:
    """The migrations of compliance's database, which is the test's."""
    return compliance.SERVICE.all_migrations()


@pytest_asyncio.fixture
async def world(database: Database, clock: FakeClock, tmp_path: Path) -> World:
    """Compliance, which accepts one key."""
    (tmp_path / "store.key").write_text("store\n")
    entry = {"subject": "store", "roles": ["reader"], "sha256": sha256(b"store").hexdigest()}
    (tmp_path / "api_keys.yaml").write_text(yaml.safe_dump([entry]))
    settings = ComplianceSettings().model_copy(
        update={"enable_auth": True, "api_keys_file": tmp_path / "api_keys.yaml"}
    )
    service = service_of(settings, database, clock)
    await holders.holder_registered(SEARCH, "test", service)
    return World(service, clock)


class Store:
    """One of our stores, which holds the article."""

    def __init__(self, texts: IngesterWorld | AnalyticsWorld) -> None:
        self.texts = texts

    async def hold(self) -> None:
        """Stores the article."""
        if isinstance(self.texts, IngesterWorld):
            await self.texts.submit(self.texts.article(A))
        else:
            await self.texts.publish(self.texts.article(A))

    async def arrive(self, order: Any) -> None:
        """Delivers an order on the topic."""
        batch = self.texts.received([order])
        if isinstance(self.texts, IngesterWorld):
            await orders.on_orders(batch, self.texts.service)
        else:
            await on_orders(batch, self.texts.service)

    async def readable(self) -> bool:
        """Returns whether the article is readable, or counted."""
        if isinstance(self.texts, IngesterWorld):
            return await self.texts.state(A) == "live"
        return await self.texts.total() == 1

    async def unconfirmed(self) -> int:
        """Returns the number of orders that compliance has not confirmed yet."""
        return int(await self.texts.db.fetchval("SELECT count(*) FROM unconfirmed_order"))

    async def confirmed(self) -> bool:
        """Returns whether compliance has responded about all orders."""
        return not await self.unconfirmed()

    async def incidents(self) -> list[str]:
        """Returns the kinds of the incidents."""
        return [row["kind"] for row in await self.texts.db.fetch("SELECT kind FROM incident")]

    @asynccontextmanager
    async def confirming(self, address: str, key_file: Path | None) -> AsyncIterator[None]:
        """Runs the worker's loop that confirms orders."""
        update = {"compliance_url": AnyHttpUrl(address), "compliance_api_key_file": key_file}
        object.__setattr__(
            self.texts.service, "settings", self.texts.service.settings.model_copy(update=update)
        )
        definition: Any = (ingester if isinstance(self.texts, IngesterWorld) else analytics).SERVICE
        spec = definition.worker(self.texts.service, ShutdownEvent())
        (loop,) = (one for one in spec.loops if one.name == "confirm orders")
        stopping = ShutdownEvent()
        running = asyncio.create_task(loop_forever(loop.name, loop.every_s, loop.work, stopping))
        try:
            yield
        finally:
            stopping.set()
            await running


@pytest_asyncio.fixture(params=["ingester", "analytics"])
async def store(
    request: pytest.FixtureRequest, databases: Databases, clock: FakeClock
) -> AsyncIterator[Store]:
    """Each of our stores, with its own database and the article."""
    name: str = request.param
    migrations = {"ingester": ingester.SERVICE.all_migrations, "analytics": analytics.SERVICE.all_migrations}[
        name
    ]
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(databases.fresh(migrations()))
        db = await stack.enter_async_context(Database.connect(url, name=name))
        if name == "ingester":
            settings = IngesterSettings(submission_topics={"article-submissions.v1": ("up",)})
            service = ingester.assemble(settings, db, clock, PriorityOutbox(), BulkOutbox(), {})
            found = Store(IngesterWorld(service, clock))
        else:
            cache = await stack.enter_async_context(Cache.connect(None, 60))
            counts = analytics.assemble(AnalyticsSettings(), db, clock, PriorityOutbox(), cache)
            found = Store(AnalyticsWorld(counts, clock))
        await found.hold()
        yield found


def _api(world: World) -> Any:
    return application(compliance.SERVICE, world.service, Probes())


async def _second_revocation(world: World) -> Any:
    """Returns an order whose predecessors the store has not received."""
    (first,) = await world.revoke(A)
    await reinstate(first.revocation_id, "officer", "an error", world.service)
    (order,) = await world.revoke(A)
    return order


async def test_an_order_after_lost_ones_withholds_at_once_and_is_applied_when_confirmed(
    store: Store, world: World, tmp_path: Path, unused_tcp_port: int
) -> None:
    await store.arrive(await _second_revocation(world))
    assert (await store.readable(), await store.unconfirmed()) == (False, 1)
    async with (
        served(_api(world), unused_tcp_port),
        store.confirming(f"http://127.0.0.1:{unused_tcp_port}", tmp_path / "store.key"),
    ):
        await until(store.confirmed, what="the order is confirmed", deadline_s=REPLY_S_MAX)
    assert (await store.readable(), await store.texts.held(A), await store.incidents()) == (False, set(), [])


async def test_an_order_that_compliance_never_issued_opens_an_incident_and_the_article_is_released(
    store: Store, world: World, tmp_path: Path, unused_tcp_port: int
) -> None:
    await store.arrive(world.revocation(A, NOT_ISSUED))
    assert (await store.readable(), await store.unconfirmed()) == (False, 1)
    async with (
        served(_api(world), unused_tcp_port),
        store.confirming(f"http://127.0.0.1:{unused_tcp_port}", tmp_path / "store.key"),
    ):
        await until(store.confirmed, what="the order is confirmed", deadline_s=REPLY_S_MAX)
    assert (await store.readable(), await store.incidents()) == (True, ["order_not_issued"])


@pytest.mark.parametrize("key", [None, "wrong", "missing"])
async def test_without_the_right_key_it_stays_withheld_and_is_logged(
    store: Store, world: World, tmp_path: Path, unused_tcp_port: int, key: str | None
) -> None:
    (tmp_path / "wrong.key").write_text("wrong")
    await store.arrive(world.revocation(A, NOT_ISSUED))
    with capture_logs() as logs:
        async with (
            served(_api(world), unused_tcp_port),
            store.confirming(f"http://127.0.0.1:{unused_tcp_port}", tmp_path / f"{key}.key" if key else None),
        ):
            await until(lambda: _failed(logs), what="the failure is logged", deadline_s=REPLY_S_MAX)
    assert (await store.readable(), await store.unconfirmed(), await store.incidents()) == (False, 1, [])


async def test_while_compliance_is_unavailable_it_stays_withheld_and_the_request_is_retried(
    store: Store, world: World, tmp_path: Path, unused_tcp_port: int
) -> None:
    await store.arrive(await _second_revocation(world))
    with capture_logs() as logs:
        async with store.confirming(f"http://127.0.0.1:{unused_tcp_port}", tmp_path / "store.key"):
            await until(lambda: _failed(logs), what="the failure is logged", deadline_s=REPLY_S_MAX)
            assert (await store.readable(), await store.unconfirmed()) == (False, 1)
            async with served(_api(world), unused_tcp_port):
                world.clock.advance(seconds=unconfirmed.FAILED_AGAIN.total_seconds())
                await until(store.confirmed, what="the order is confirmed", deadline_s=REPLY_S_MAX)
    assert (await store.readable(), await store.texts.held(A)) == (False, set())


def _failed(logs: Sequence[Any]) -> bool:
    return any(one["event"] == "periodic task failed" and one["loop"] == "confirm orders" for one in logs)
