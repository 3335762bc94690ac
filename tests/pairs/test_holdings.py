"""Compliance asks our stores for their holdings, with authentication enabled."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import yaml
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from analytics import service as analytics
from analytics.gateways.cache import Cache
from analytics.settings import Settings as AnalyticsSettings
from clawback_common.http.client import Sibling
from clawback_common.http.probes import Probes
from clawback_common.messaging.outbox.bulk import BulkOutbox
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.postgres.migrate import Migration
from clawback_common.service.api import application
from clawback_contracts.holder.v1 import HolderKind, HolderRegistration
from clawback_testing.clock import FakeClock
from clawback_testing.databases import Databases
from compliance import service as compliance
from compliance.gateways.ingester import Ingester
from compliance.settings import Settings as ComplianceSettings
from compliance.use_cases import holders
from compliance.use_cases.controls import Controls
from compliance.use_cases.verification import HoldingsVerifier
from ingester import service as ingester
from ingester.settings import Settings as IngesterSettings
from services.analytics.tests.integration.world import World as AnalyticsWorld
from services.compliance.tests.integration.conftest import KINDS, World, service_of
from services.compliance.tests.integration.fake_ingester import holdings_client
from services.ingester.tests.integration.world import World as IngesterWorld

pytestmark = pytest.mark.integration

REVOKED = "up:revoked"
LIVE = ("up:1", "up:2", "up:3", "up:4", "up:5")
STORES = {
    "ingester": AnyHttpUrl("http://ingester/api/v1/ingester/holdings"),
    "analytics": AnyHttpUrl("http://analytics/api/v1/analytics/holdings"),
}
SEARCH = AnyHttpUrl("http://search/holdings")


@dataclass
class Peers:
    """Our stores over HTTP with authentication enabled, and a consumer that records the credentials it receives."""

    http: httpx.AsyncClient
    key_file: Path
    keys_file: Path
    ingester: IngesterWorld
    analytics: AnalyticsWorld
    shown: list[str | None] = field(default_factory=list)
    """The credentials in each request to the consumer."""

    def accept(self, key: str) -> None:
        """Makes this the only key that the stores accept."""
        entry = {"subject": "compliance", "roles": [], "sha256": sha256(key.encode()).hexdigest()}
        self.keys_file.write_text(yaml.safe_dump([entry]))


@pytest.fixture
def migrations() -> Sequence[Migration]:
    """The migrations of compliance's database, which is the test's."""
    return compliance.SERVICE.all_migrations()


async def _always() -> None:
    """Every order from the start is applied."""


@asynccontextmanager
async def _store(databases: Databases, migrations: Sequence[Migration], name: str) -> AsyncIterator[Database]:
    async with databases.fresh(migrations) as url, Database.connect(url, name=name) as db:
        yield db


def _consumer(shown: list[str | None]) -> Starlette:
    async def holdings(request: Request) -> Response:
        shown.append(request.headers.get("authorization"))
        article_ids = (await request.json())["article_ids"]
        return JSONResponse({"items": dict.fromkeys(article_ids, "gone")})

    return Starlette(routes=[Route("/holdings", holdings, methods=["POST"])])


@pytest_asyncio.fixture
async def peers(databases: Databases, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Peers]:
    """Each store with its own database; the ingester has five articles."""
    keys_file, key_file, shown = tmp_path / "api_keys.yaml", tmp_path / "compliance.key", list[str | None]()
    keys_file.write_text("[]")
    auth = {"enable_auth": True, "api_keys_file": keys_file}
    async with AsyncExitStack() as stack:
        ingester_db = await stack.enter_async_context(
            _store(databases, ingester.SERVICE.all_migrations(), "ingester")
        )
        analytics_db = await stack.enter_async_context(
            _store(databases, analytics.SERVICE.all_migrations(), "analytics")
        )
        cache = await stack.enter_async_context(Cache.connect(None, 60))
        settings = IngesterSettings(submission_topics={"article-submissions.v1": ("up",)}).model_copy(
            update=auth
        )
        store = replace(
            ingester.assemble(settings, ingester_db, clock, PriorityOutbox(), BulkOutbox(), {}),
            orders_applied=_always,
        )
        texts = IngesterWorld(store, clock)
        await texts.submit(*(texts.article(one) for one in LIVE))
        counts = analytics.assemble(
            AnalyticsSettings().model_copy(update=auth), analytics_db, clock, PriorityOutbox(), cache
        )
        mounts: dict[str, httpx.AsyncBaseTransport | None] = {
            "http://ingester": httpx.ASGITransport(application(ingester.SERVICE, store, Probes())),
            "http://analytics": httpx.ASGITransport(application(analytics.SERVICE, counts, Probes())),
            "http://search": httpx.ASGITransport(_consumer(shown)),
        }
        http = await stack.enter_async_context(httpx.AsyncClient(mounts=mounts))
        peers = Peers(http, key_file, keys_file, texts, AnalyticsWorld(counts, clock), shown)
        key_file.write_text("first")
        peers.accept("first")
        yield peers


@pytest_asyncio.fixture
async def world(database: Database, clock: FakeClock, peers: Peers) -> World:
    """Compliance, with both stores and the consumer registered."""
    settings = ComplianceSettings().model_copy(
        update={"stores": STORES, "stores_api_key_file": peers.key_file}
    )
    service = service_of(settings, database, clock)
    for name in (*STORES, "search"):
        kinds = KINDS.get(name, ("content",))
        if name in STORES:
            one = HolderRegistration(name=name, kind=HolderKind.STORE, purpose="ours", copy_kinds=kinds)
        else:
            one = HolderRegistration(name=name, purpose="a site", copy_kinds=kinds, holdings_url=SEARCH)
        await holders.holder_registered(one, "test", service)
    return World(service, clock)


def _verifier(world: World, peers: Peers) -> HoldingsVerifier:
    api = Sibling("the ingester", AnyHttpUrl("http://ingester"), peers.key_file, peers.http)
    controls = Controls(Ingester(api, 30))
    return HoldingsVerifier(world.service, holdings_client(peers.http), controls)


async def _removed(world: World, peers: Peers) -> None:
    """Applies the order in our stores; every holder sends a receipt of the removal."""
    (order,) = await world.revoke(REVOKED)
    await peers.ingester.order(order)
    await peers.analytics.order(order)
    await world.receipts(*(world.receipt(order, name) for name in (*STORES, "search")))


async def test_a_takedown_is_verified_in_stores_that_require_a_key(world: World, peers: Peers) -> None:
    await _removed(world, peers)
    await _verifier(world, peers).verify()
    assert await world.states(REVOKED) == {
        (1, "ingester"): "verified",
        (1, "analytics"): "verified",
        (1, "search"): "verified",
    }


async def test_the_key_of_our_stores_is_never_sent_to_a_consumer(world: World, peers: Peers) -> None:
    await _removed(world, peers)
    await _verifier(world, peers).verify()
    assert peers.shown == [None]


async def test_a_replaced_key_is_used_without_a_restart(world: World, peers: Peers) -> None:
    await _removed(world, peers)
    verifier = _verifier(world, peers)
    peers.accept("second")
    await verifier.verify()
    assert (await world.states(REVOKED))[1, "ingester"] == "removed"
    peers.key_file.write_text("second")
    world.clock.advance(seconds=6)
    await verifier.verify()
    assert (await world.states(REVOKED))[1, "ingester"] == "verified"


async def test_without_a_key_no_store_is_verified(world: World, peers: Peers) -> None:
    await _removed(world, peers)
    settings = world.service.settings.model_copy(update={"stores_api_key_file": None})
    keyless = replace(world.service, settings=settings)
    await _verifier(World(keyless, world.clock), peers).verify()
    states = await world.states(REVOKED)
    assert {states[1, name] for name in STORES} == {"removed"}


async def test_a_store_that_has_not_received_the_order_is_not_verified(world: World, peers: Peers) -> None:
    (order,) = await world.revoke(REVOKED)
    await peers.ingester.order(order)
    await world.receipts(*(world.receipt(order, name) for name in STORES))
    verifier = _verifier(world, peers)
    await verifier.verify()
    assert await _states(world) == {"ingester": "verified", "analytics": "removed", "search": "open"}
    await peers.analytics.order(order)
    world.clock.advance(seconds=6)
    await verifier.verify()
    assert (await _states(world))["analytics"] == "verified"


async def _states(world: World) -> dict[str, str]:
    return {name: state for (_, name), state in (await world.states(REVOKED)).items()}
