"""An ingester on a real database, with its clock in the test's hands."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from clawback_common.db import Database
from clawback_common.db.migrate import Migration
from clawback_common.outbox.news import NewsOutbox
from clawback_common.outbox.orders import OrdersOutbox
from clawback_common.testing.clock import FakeClock
from ingester import app
from ingester.flow import Service
from ingester.settings import Settings
from services.ingester.tests.integration.simulated import Simulated, simulated_provider
from services.ingester.tests.integration.world import Script, World


@pytest.fixture
def migrations() -> Sequence[Migration]:
    """What runs in an ingester's database."""
    return app.migrations()


@pytest.fixture
def settings() -> Settings:
    """Of a service without feeds."""
    return Settings(submission_topics={"article-submissions.v1": ("upstream", "up")})


@pytest_asyncio.fixture
async def service(database: Database, clock: FakeClock, settings: Settings) -> Service:
    """Without its processes."""
    return Service(settings, database, clock, OrdersOutbox(), NewsOutbox())


@pytest.fixture
def world(service: Service, clock: FakeClock) -> World:
    """The service, in a test's words."""
    return World(service, clock)


@pytest.fixture
def script() -> Script:
    """A provider that answers what the test says."""
    return Script()


@pytest_asyncio.fixture
async def simulated(service: Service, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Simulated]:
    """The provider's simulator in process, with both of its feeds configured."""
    async with simulated_provider(service, clock, tmp_path) as found:
        yield found
