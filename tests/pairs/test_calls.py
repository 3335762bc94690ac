"""The other calls between services, and by a consumer, with authentication enabled."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from pydantic import AnyHttpUrl
from redis.asyncio import Redis

from alerting import service as alerting
from alerting.gateways.health_checks import HealthChecks
from alerting.settings import Settings as AlertingSettings
from analytics import service as analytics
from analytics.gateways.cache import Cache
from analytics.settings import Settings as AnalyticsSettings
from clawback_common.errors import Stop, Transient
from clawback_common.http.client import Sibling
from clawback_common.http.probe_app import probe_app
from clawback_common.http.probes import Probes
from clawback_common.kafka.refill import pages
from clawback_common.messaging.outbox.bulk import BulkOutbox
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.postgres.migrate import Migration
from clawback_common.service.api import application
from clawback_contracts.holder.answers import receipt
from clawback_contracts.revocation.v1 import Outcome
from clawback_testing.clock import FakeClock
from clawback_testing.databases import Databases
from compliance import service as compliance
from compliance.gateways.ingester import Ingester
from compliance.settings import Settings as ComplianceSettings
from compliance.use_cases import holders
from ingester import service as ingester
from ingester.settings import Settings as IngesterSettings
from ingester.storage import feeds
from retention import service as retention
from retention.settings import Settings as RetentionSettings
from services.compliance.tests.integration.conftest import SEARCH, World, service_of
from services.ingester.tests.integration.world import Script, revoked_page
from tests.pairs.serving import served

pytestmark = pytest.mark.integration

NAMES = ("ingester", "compliance", "analytics", "alerting", "retention")
SUBJECTS = {"compliance": "poller", "ingester": "reader", "alerting": "reader", "search": "holder"}
"""As in the local stack."""
FEED = "metabase-revoked"


@pytest.fixture
def migrations() -> Sequence[Migration]:
    """The migrations of compliance's database, which is the test's."""
    return compliance.SERVICE.all_migrations()


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The keys that every service accepts; each key is its subject's name, in `<subject>.key`."""
    entries = []
    for subject, role in SUBJECTS.items():
        (tmp_path / f"{subject}.key").write_text(f"{subject}\n")
        digest = sha256(subject.encode()).hexdigest()
        entries.append({"subject": subject, "roles": [role], "sha256": digest})
    path = tmp_path / "api_keys.yaml"
    path.write_text(yaml.safe_dump(entries))
    return path


async def _always() -> None:
    """Every order from the start is applied."""


@dataclass
class Peers:
    """All APIs and workers' probes, with authentication enabled."""

    http: httpx.AsyncClient
    folder: Path

    def key(self, subject: str) -> Path:
        """Returns the file of a key."""
        return self.folder / f"{subject}.key"

    def header(self, subject: str) -> dict[str, str]:
        """Returns the header with a key."""
        return {"Authorization": f"Bearer {subject}"}


@pytest_asyncio.fixture
async def peers(
    databases: Databases, world: World, clock: FakeClock, keys: Path, tmp_path: Path
) -> AsyncIterator[Peers]:
    """Each service with its own database."""
    auth = {"enable_auth": True, "api_keys_file": keys}
    outbox = PriorityOutbox()
    feed = Script([revoked_page()]).feed(name=FEED)
    async with AsyncExitStack() as stack:

        @asynccontextmanager
        async def opened(name: str, migrations: Sequence[Migration]) -> AsyncIterator[Database]:
            async with databases.fresh(migrations) as url, Database.connect(url, name=name) as db:
                yield db

        enter = stack.enter_async_context
        store = ingester.assemble(
            IngesterSettings().model_copy(update=auth),
            await enter(opened("ingester", ingester.SERVICE.all_migrations())),
            clock,
            outbox,
            BulkOutbox(),
            {FEED: feed},
        )
        await feeds.declare(store.db, [FEED], ["revoked"], clock.now())
        counts = analytics.assemble(
            AnalyticsSettings().model_copy(update=auth),
            await enter(opened("analytics", analytics.SERVICE.all_migrations())),
            clock,
            outbox,
            await enter(Cache.connect(None, 60)),
        )
        sweeps = retention.assemble(
            RetentionSettings().model_copy(update=auth),
            await enter(opened("retention", retention.SERVICE.all_migrations())),
            clock,
            outbox,
        )
        orders = service_of(world.service.settings.model_copy(update=auth), world.service.db, clock)
        probes = Probes()
        counting = application(analytics.SERVICE, replace(counts, orders_applied=_always), probes)
        storing = application(ingester.SERVICE, replace(store, orders_applied=_always), probes)
        await probes.check()
        apis: dict[str, Any] = {
            "ingester": storing,
            "analytics": counting,
            "compliance": application(compliance.SERVICE, orders, Probes()),
            "retention": application(retention.SERVICE, sweeps, Probes()),
        }
        apis |= {f"{name}-worker": probe_app(Probes()) for name in NAMES}
        mounts: dict[str, httpx.AsyncBaseTransport | None] = {
            f"http://{name}": httpx.ASGITransport(app) for name, app in apis.items()
        }
        yield Peers(await enter(httpx.AsyncClient(mounts=mounts)), tmp_path)


@pytest_asyncio.fixture
async def world(database: Database, clock: FakeClock) -> World:
    """Compliance, with a consumer registered."""
    service = service_of(ComplianceSettings(), database, clock)
    await holders.holder_registered(SEARCH, "test", service)
    return World(service, clock)


def _as_compliance(peers: Peers, subject: str) -> Ingester:
    return Ingester(
        Sibling("the ingester", AnyHttpUrl("http://ingester"), peers.key(subject), peers.http), 30
    )


async def test_compliance_polls_a_feed_of_the_ingester(peers: Peers) -> None:
    ours = _as_compliance(peers, "compliance")
    assert (await ours.poll(FEED)).caught_up
    assert await ours.revocation_feeds() == [FEED]


async def test_compliance_counts_what_the_ingester_holds(peers: Peers) -> None:
    assert await _as_compliance(peers, "compliance").held() == 0
    with pytest.raises(Transient, match="403"):
        await _as_compliance(peers, "alerting").held()


async def test_a_key_with_the_reader_role_cannot_poll(peers: Peers) -> None:
    with pytest.raises(Transient, match="403"):
        await _as_compliance(peers, "ingester").poll(FEED)


async def test_the_key_of_compliance_allows_nothing_else_at_the_ingester(peers: Peers) -> None:
    response = await peers.http.post(
        f"http://ingester/api/v1/feeds/{FEED}/resume", headers=peers.header("compliance")
    )
    assert response.status_code == 403


@pytest.mark.parametrize("subject", ["ingester", None])
async def test_a_store_reads_all_orders_of_compliance_to_catch_up(
    peers: Peers, world: World, keys: Path, subject: str | None, unused_tcp_port: int
) -> None:
    (order,) = await world.revoke("up:revoked")
    settings = world.service.settings.model_copy(update={"enable_auth": True, "api_keys_file": keys})
    strict = service_of(settings, world.service.db, world.clock)
    address = f"http://127.0.0.1:{unused_tcp_port}"
    listed = pages(
        "compliance", AnyHttpUrl(address), peers.key(subject) if subject else None, "/compliance/revocations"
    )
    async with served(application(compliance.SERVICE, strict, Probes()), unused_tcp_port):
        if subject is None:
            with pytest.raises(Stop, match="check the address and the key"):
                [page async for page in listed]
        else:
            found = [item for page in [page async for page in listed] for item in page]
            assert [item["revocation_id"] for item in found] == [str(order.revocation_id)]


async def _check_health(peers: Peers, databases: Databases, clock: FakeClock, subject: str | None) -> Any:
    addresses = {name: AnyHttpUrl(f"http://{name}") for name in NAMES if name != "alerting"}
    addresses |= {f"{name}-worker": AnyHttpUrl(f"http://{name}-worker") for name in NAMES}
    settings = AlertingSettings().model_copy(
        update={
            "services": addresses,
            "services_api_key_file": peers.key(subject) if subject else None,
            "health_timeout_s": 10.0,  # the test is about the key, not the time
            "kafka_bootstrap_servers": "127.0.0.1:1",
        }
    )
    async with (
        databases.fresh(alerting.SERVICE.all_migrations()) as url,
        Database.connect(url, name="alerting") as db,
        Redis.from_url("redis://127.0.0.1:1") as redis,
    ):
        health_checks = HealthChecks(settings, db, clock, peers.http, redis)
        try:
            return await health_checks.ask()
        finally:
            await health_checks.close()


async def test_alerting_checks_the_health_of_every_service(
    peers: Peers, databases: Databases, clock: FakeClock
) -> None:
    snapshot = await _check_health(peers, databases, clock, "alerting")
    for kind in (snapshot.apis, snapshot.workers, snapshot.outboxes, snapshot.jobs, snapshot.details):
        assert {name: one.error for name, one in kind.items() if not one.ok and name != "alerting"} == {}
    assert snapshot.feeds.ok


async def test_without_its_key_alerting_gets_no_details(
    peers: Peers, databases: Databases, clock: FakeClock
) -> None:
    snapshot = await _check_health(peers, databases, clock, None)
    assert {one.error for name, one in snapshot.jobs.items() if name != "alerting"} == {"status 401"}
    assert snapshot.feeds.error == "status 401"


@pytest.mark.parametrize(
    ("subject", "status", "state"),
    [("search", 202, "verified"), ("ingester", 403, "open"), (None, 401, "open")],
)
async def test_a_consumer_sends_its_receipt_over_http(
    peers: Peers, world: World, subject: str | None, status: int, state: str
) -> None:
    (order,) = await world.revoke("up:revoked")
    sent = receipt(order, "search", dict.fromkeys(SEARCH.copy_kinds, Outcome.REMOVED), at=datetime.now(UTC))
    response = await peers.http.post(
        "http://compliance/api/v1/compliance/receipts",
        content=sent.model_dump_json(),
        headers=peers.header(subject) if subject else {},
    )
    assert response.status_code == status, response.text
    states = await world.states("up:revoked")
    assert [found for (_, holder), found in states.items() if holder == "search"] == [state]
