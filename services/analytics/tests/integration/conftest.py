"""Analytics with a real database and a fake clock."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import yaml

from analytics.gateways.cache import Cache
from analytics.service import SERVICE, assemble
from analytics.settings import Settings
from analytics.use_cases.service import Service
from clawback_common.http.probes import Probes
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.postgres.migrate import Migration
from clawback_common.service.api import application
from clawback_testing.clock import FakeClock
from services.analytics.tests.integration.world import World

SUBJECTS = {"officer": ["officer"], "operator": ["operator"], "search": ["holder"]}


@pytest.fixture
def migrations() -> Sequence[Migration]:
    """The migrations of the analytics database."""
    return SERVICE.all_migrations()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with one key per subject; the key is the subject's name."""
    path = tmp_path / "api_keys.yaml"
    path.write_text(
        yaml.safe_dump(
            [
                {"subject": subject, "roles": roles, "sha256": hashlib.sha256(subject.encode()).hexdigest()}
                for subject, roles in SUBJECTS.items()
            ]
        )
    )
    return Settings(api_keys_file=path)


@pytest.fixture
def cache() -> Cache:
    """No cache, unless a test file overrides this."""
    return Cache(None, 60)


@pytest.fixture
def service(database: Database, clock: FakeClock, settings: Settings, cache: Cache) -> Service:
    """The service without its processes; all orders are applied."""
    return replace(assemble(settings, database, clock, PriorityOutbox(), cache), orders_applied=applied)


async def applied() -> None:
    """Reports that all orders are applied."""


@pytest.fixture
def world(service: Service, clock: FakeClock) -> World:
    """The service, with helpers for tests."""
    return World(service, clock)


@pytest_asyncio.fixture
async def http(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key."""
    transport = httpx.ASGITransport(app=application(SERVICE, service, Probes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://analytics/api/v1") as client:
        yield client
