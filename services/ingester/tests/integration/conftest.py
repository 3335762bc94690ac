"""An ingester on a real database, with its clock in the test's hands."""

from collections.abc import Sequence

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
