"""An alerting service with a real database, a fake clock, and sinks for mail and text messages."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import SecretStr

from alerting.domain.alert import Alert
from alerting.gateways.channels import senders
from alerting.gateways.notification import Send
from alerting.gateways.routes_file import read_routes
from alerting.service import SERVICE, assemble
from alerting.settings import Settings
from alerting.storage import alerts
from alerting.use_cases import beginning, folding, runs, sending
from alerting.use_cases.service import Service
from clawback_common.kafka.envelope import Received
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.postgres.migrate import Migration
from clawback_contracts.alert.v1 import AlertRaised, AlertResolved, AlertsFiring, Severity, fingerprint
from clawback_contracts.envelope import Event
from clawback_contracts.run.v1 import RunCompleted, RunFailed
from clawback_testing.clock import FakeClock
from services.alerting.tests.integration.sinks import MailSink, SmsSink, sinks

ROUTES = """\
recipients:
  - name: ann
    mail: ann@clawback.example
    sms: "+15550100"
    consent: {at: 2026-01-05, by: ann}
  - name: bob
    mail: bob@clawback.example
    consent: {at: 2026-01-05, by: ann}
receivers:
  - {name: ann, mail: [ann], sms: [ann]}
  - {name: both, mail: [ann, bob]}
route:
  receiver: both
  group_by: [service]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
  routes:
    - receiver: ann
      matchers: ['severity="critical"']
      group_by: ['...']
      group_wait: 0s
      repeat_interval: 1h
      continue: true
    - receiver: ann
      matchers: ['severity="critical"', 'name="Twice"']
      group_wait: 0s
"""


@dataclass(slots=True)
class World:
    """The service, with helpers for tests."""

    service: Service
    clock: FakeClock
    sends: Mapping[str, Send]
    mail: MailSink
    sms: SmsSink
    offset: int = 0

    @property
    def db(self) -> Database:
        """The service's database."""
        return self.service.db

    def received(self, events: Sequence[Event], ids: Sequence[str] = ()) -> list[Received[Any]]:
        """A batch from one partition."""
        batch = []
        for number, event in enumerate(events):
            identity = ids[number] if number < len(ids) else str(uuid4())
            batch.append(Received(event, identity, None, event.TOPIC, 0, self.offset))
            self.offset += 1
        return batch

    def raised(
        self, name: str = "FeedStopped", severity: Severity = Severity.CRITICAL, **more: Any
    ) -> AlertRaised:
        """An event that raises the alert."""
        labels = more.pop("labels", {})
        fields: dict[str, Any] = {
            "fingerprint": fingerprint("ingester", name, labels),
            "name": name,
            "service": "ingester",
            "severity": severity,
            "summary": f"{name} of something: fix it.",
            "labels": labels,
            "raised_at": self.clock.now(),
        }
        return AlertRaised(**(fields | more))

    def resolved(self, name: str = "FeedStopped", **more: Any) -> AlertResolved:
        """An event that resolves the alert."""
        labels = more.pop("labels", {})
        fields: dict[str, Any] = {
            "fingerprint": fingerprint("ingester", name, labels),
            "name": name,
            "service": "ingester",
            "resolved_at": self.clock.now(),
        }
        return AlertResolved(**(fields | more))

    def listing(self, *firing: AlertRaised) -> AlertsFiring:
        """The list of firing alerts that the ingester publishes."""
        return AlertsFiring(
            fingerprint=fingerprint("ingester", "AlertsFiring", {}),
            service="ingester",
            firing=tuple(one.fingerprint for one in firing),
            listed_at=self.clock.now(),
        )

    async def fold(
        self, *events: AlertRaised | AlertResolved | AlertsFiring, ids: Sequence[str] = ()
    ) -> None:
        """Folds events as one batch."""
        await folding.on_alerts(self.received(events, ids), self.service)

    async def run(self, *events: RunCompleted | RunFailed, ids: Sequence[str] = ()) -> None:
        """Processes the results of runs as one batch."""
        await runs.on_runs(self.received(events, ids), self.service)

    def completed(self, noticed: int = 0, **more: Any) -> RunCompleted:
        """A run that completed now."""
        now = self.clock.now()
        fields: dict[str, Any] = {"noticed": noticed, "closed": noticed, "open": 0, "overdue": 0}
        return RunCompleted(run_id=uuid4(), started_at=now, **({"ended_at": now} | fields | more))

    def failed(self, error: str = "the feed could not be read") -> RunFailed:
        """A run that failed now."""
        now = self.clock.now()
        return RunFailed(run_id=uuid4(), started_at=now, ended_at=now, error=error)

    async def deliver(self) -> None:
        """Every sender sends the messages that are due."""
        for channel, send in self.sends.items():
            while await sending.send_one(channel, send, self.service):
                pass

    async def end_leases(self) -> None:
        """All leases of messages expire."""
        await self.db.execute("UPDATE message SET leased_until = clock_timestamp()")

    async def alert(self, name: str = "FeedStopped") -> Alert:
        """The stored alert."""
        found = await alerts.one(self.db, fingerprint("ingester", name, {}))
        assert found is not None
        return found

    async def pass_time(self, **by: float) -> datetime:
        """Advances the clock, evaluates alerts, runs and channels, and sends the messages that are due."""
        now = self.clock.advance(**by)
        await runs.watch_runs(self.service)
        await sending.watch_channels(self.service)
        await folding.evaluate_firing(self.service)
        await self.deliver()
        return now

    async def message(self, channel: str) -> Any:
        """The only message of a channel."""
        (row,) = await self.db.fetch("SELECT * FROM message WHERE channel = $1", channel)
        return row


@pytest.fixture
def migrations() -> Sequence[Migration]:
    """The migrations of the alerting database."""
    return SERVICE.all_migrations()


@pytest.fixture
def routes() -> str:
    """The routes file."""
    return ROUTES


@pytest_asyncio.fixture
async def both_sinks() -> AsyncIterator[tuple[MailSink, SmsSink]]:
    """A sink for mail and one for text messages."""
    async with sinks() as both:
        yield both


@pytest.fixture
def settings(both_sinks: tuple[MailSink, SmsSink]) -> Settings:
    """The settings of a service that sends to the sinks."""
    mail, sms = both_sinks
    return Settings(
        smtp_url=SecretStr(f"smtp://127.0.0.1:{mail.port}?from=alerts@clawback.example"),
        sms_url=SecretStr(f"http://127.0.0.1:{sms.port}/sms"),
        send_timeout_s=1.5,
    )


@pytest_asyncio.fixture
async def service(
    database: Database, clock: FakeClock, settings: Settings, routes: str, tmp_path: Path
) -> Service:
    """The started service, without its processes."""
    path = tmp_path / "routes.yaml"
    path.write_text(routes)
    service = assemble(settings, database, clock, PriorityOutbox(), read_routes(path, lambda _: True))
    await beginning.begin(service)
    return service


@pytest.fixture
def world(service: Service, clock: FakeClock, both_sinks: tuple[MailSink, SmsSink]) -> World:
    """The service with its clock and sinks."""
    return World(service, clock, senders(service.settings, service.routing), *both_sinks)
