"""An ingester on a real database, with a controllable clock."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import yaml

from clawback_common.http.probes import Probes
from clawback_common.messaging.outbox.bulk import BulkOutbox
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.postgres.migrate import Migration
from clawback_common.service.api import application
from clawback_testing.clock import FakeClock
from ingester.service import SERVICE, assemble
from ingester.settings import Settings
from ingester.use_cases.service import Service
from services.ingester.tests.integration.simulated import Simulated, simulated_provider
from services.ingester.tests.integration.world import Script, World

ROLES = {
    "officer": "officer",
    "operator": "operator",
    "holder": "holder",
    "upstream": "upstream",
    "acme": "upstream",
    "partner": "upstream",
}
"""The role of each subject; a subject's key is its name."""
PROVIDERS = {"acme": "acme", "partner": "partner"}
"""The providers of subjects other than up."""
SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQ="


@pytest.fixture
def migrations() -> Sequence[Migration]:
    """The migrations of an ingester's database."""
    return SERVICE.all_migrations()


@pytest.fixture
def settings() -> Settings:
    """Settings of a service without feeds."""
    return Settings(submission_topics={"article-submissions.v1": ("upstream", "up")})


@pytest_asyncio.fixture
async def service(database: Database, clock: FakeClock, settings: Settings) -> Service:
    """A service without processes."""
    return assemble(settings, database, clock, PriorityOutbox(), BulkOutbox(), {})


@pytest.fixture
def world(service: Service, clock: FakeClock) -> World:
    """The service with helpers for tests."""
    return World(service, clock)


@pytest.fixture
def script() -> Script:
    """A provider with scripted responses."""
    return Script()


@pytest_asyncio.fixture
async def simulated(service: Service, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Simulated]:
    """The provider's simulator in the test's process, with both of its feeds configured."""
    async with simulated_provider(service, clock, tmp_path) as found:
        yield found


async def _obeyed() -> None:
    """Every order from the start is applied."""


@pytest_asyncio.fixture
async def http(world: World, script: Script, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key; each subject's key is its name."""
    keys, secrets = tmp_path / "api_keys.yaml", tmp_path / "webhook_secrets.yaml"
    keys.write_text(
        yaml.safe_dump(
            [
                {
                    "subject": name,
                    "roles": [role],
                    "sha256": hashlib.sha256(name.encode()).hexdigest(),
                    "providers": [PROVIDERS.get(name, "up")],
                }
                for name, role in ROLES.items()
            ]
        )
    )
    secrets.write_text(yaml.safe_dump({"partner": [SECRET]}))
    settings = world.service.settings.model_copy(update={"api_keys_file": keys, "webhook_secrets": secrets})
    world.configure(script.feed())
    world.service = replace(world.service, settings=settings, orders_applied=_obeyed)
    probes = Probes()
    transport = httpx.ASGITransport(application(SERVICE, world.service, probes))
    await probes.check()
    async with httpx.AsyncClient(transport=transport, base_url="http://ingester/api/v1") as client:
        yield client
