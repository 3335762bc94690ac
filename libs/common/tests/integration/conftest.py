"""A process with subscribers, without a service."""

from uuid import uuid4

import pytest

from clawback_common.config.settings import CommonSettings
from clawback_common.kafka.stalls import OutboxAlerts
from clawback_common.kafka.subscription import BusContext
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_testing.clock import FakeClock


@pytest.fixture
def context(common_settings: CommonSettings, database: Database, clock: FakeClock) -> BusContext:
    """A context with a service name, and so a consumer group, of its own."""
    name, outbox = f"svc-{uuid4().hex[:8]}", PriorityOutbox()
    return BusContext(name, common_settings, database, outbox, clock, OutboxAlerts(name, outbox, clock))
