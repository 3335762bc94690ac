"""A compliance service on a real database, with a controllable clock; its outgoing events can be read."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
import yaml

from clawback_common.clock import Clock
from clawback_common.http.api_keys import Caller
from clawback_common.http.probes import Probes
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.postgres.migrate import Migration
from clawback_common.service.api import application
from clawback_common.service.process import ShutdownEvent
from clawback_contracts.envelope import event_id
from clawback_contracts.holder.v1 import HolderKind, HolderRegistration, Holding
from clawback_contracts.revocation.v1 import (
    ArticleReinstated,
    ArticleRemoved,
    ArticleRevoked,
    CopyRemoval,
    Outcome,
    Reason,
    RevocationNoticed,
)
from clawback_testing.clock import FakeClock
from clawback_testing.world import ServiceWorld
from compliance.domain.obligation import HoldingsCheck
from compliance.service import SERVICE, assemble
from compliance.settings import Settings
from compliance.use_cases import holders
from compliance.use_cases.daily_run import Check
from compliance.use_cases.orders import on_notices
from compliance.use_cases.receipts import on_holdings_checked, on_receipts
from compliance.use_cases.service import Service
from services.compliance.tests.integration.fake_ingester import FakeIngester

AnyOrder = ArticleRevoked | ArticleReinstated
SEARCH = HolderRegistration(
    name="search", group="search", purpose="a site's search", copy_kinds=("content", "index")
)
INGESTER = HolderRegistration(
    name="ingester", kind=HolderKind.STORE, purpose="ours", copy_kinds=("content", "quarantine")
)
KAFKA = HolderRegistration(
    name="kafka", kind=HolderKind.EXPIRY, purpose="brokers", copy_kinds=("log",), content_retention_h=8
)
STORES = {"ingester", "analytics"}
LIVE = tuple(f"metabase:live-{n}" for n in range(5))
INGESTER_KEY = Caller("ingester", frozenset())
KINDS = {one.name: one.copy_kinds for one in (SEARCH, INGESTER)}

SUBJECTS = {
    "officer": ["officer", "approver"],
    "second": ["approver"],
    "operator": ["operator"],
    "search": ["holder"],
    "licensor": ["licensor"],
}


class World(ServiceWorld[Service]):
    """The service with helpers for tests."""

    def notice(self, article_id: str, **more: Any) -> RevocationNoticed:
        """A notice of a feed."""
        fields: dict[str, Any] = {
            "notice_id": uuid4(),
            "article_id": article_id,
            "reason": Reason.LICENSOR,
            "noticed_by": "metabase-revoked",
            "noticed_at": self.clock.now(),
        }
        return RevocationNoticed(**(fields | more))

    async def notices(self, *events: RevocationNoticed) -> None:
        """Delivers notices in one batch, signed by the ingester."""
        batch = [one._replace(sender=INGESTER_KEY) for one in self.received(events)]
        await on_notices(batch, self.service)

    async def revoke(self, *article_ids: str, **more: Any) -> list[ArticleRevoked]:
        """Delivers notices on these articles; returns the resulting orders."""
        await self.notices(*(self.notice(article_id, **more) for article_id in article_ids))
        orders = [order for order in await self.events(ArticleRevoked) if order.article_id in article_ids]
        latest = {order.article_id: order for order in orders}
        return [latest[article_id] for article_id in article_ids]

    def receipt(
        self,
        order: AnyOrder,
        holder: str,
        outcomes: Mapping[str, Outcome] | None = None,
        outcome: Outcome = Outcome.REMOVED,
    ) -> ArticleRemoved:
        """Returns a holder's receipt for every kind that it declared."""
        by_kind = outcomes or dict.fromkeys(KINDS.get(holder, ("content",)), outcome)
        return ArticleRemoved(
            receipt_id=event_id("receipt", order.article_id, order.order, holder, order.attempt),
            article_id=order.article_id,
            order=order.order,
            holder=holder,
            removals=tuple(CopyRemoval(copy_kind=kind, outcome=one) for kind, one in by_kind.items()),
            answered_at=self.clock.now(),
            attempt=order.attempt,
        )

    async def receipts(self, *events: ArticleRemoved) -> None:
        """Delivers receipts in one batch."""
        await on_receipts(self.received(events), self.service)

    async def checked(self, store: str, answers: Mapping[str, Holding], **more: Any) -> None:
        """Applies a store's answers about its reported removals, with its controls held."""
        rows = await self.db.fetch(
            "SELECT revocation_id, article_id FROM obligation JOIN revocation USING (revocation_id)"
            " WHERE holder = $1 AND state = 'removed'",
            store,
        )
        claims = {row["revocation_id"]: row["article_id"] for row in rows}
        fields: dict[str, Any] = {"ours": store in STORES, "controls": LIVE} | more
        held = dict.fromkeys(set(fields["controls"]) - set(fields.get("missed", ())), Holding.HELD)
        await on_holdings_checked(claims, HoldingsCheck(store, {**held, **answers}, **fields), self.service)

    async def states(self, article_id: str) -> dict[tuple[int, str], str]:
        """Returns the obligations of an article by order (the first is 1) and holder."""
        rows = await self.db.fetch(
            "SELECT nth, holder, o.state FROM obligation AS o JOIN"
            " (SELECT revocation_id, rank() OVER (ORDER BY order_no) AS nth FROM revocation WHERE article_id = $1)"
            " AS r USING (revocation_id)",
            article_id,
        )
        return {(row["nth"], row["holder"]): row["state"] for row in rows}

    async def closed(self, revocation_id: UUID) -> datetime | None:
        """Returns when an order was closed."""
        found: datetime | None = await self.db.fetchval(
            "SELECT closed_at FROM revocation WHERE revocation_id = $1", revocation_id
        )
        return found

    async def close(self, *orders: AnyOrder) -> None:
        """Delivers receipts of all holders and verifies the removals."""
        await self.receipts(
            *(self.receipt(order, name) for order in orders for name in ("ingester", "search"))
        )
        await self.checked("ingester", {order.article_id: Holding.GONE for order in orders})


def service_of(settings: Settings, db: Database, clock: Clock) -> Service:
    """Returns a service without processes, with an ingester that no test calls."""
    unused = FakeIngester()
    return assemble(settings, db, clock, PriorityOutbox(), unused.ingester(), unused.holdings())


@pytest.fixture
def migrations() -> Sequence[Migration]:
    """The migrations of a compliance database."""
    return SERVICE.all_migrations()


@pytest.fixture
def service(database: Database, clock: FakeClock) -> Service:
    """A service without processes."""
    return service_of(Settings(), database, clock)


@pytest_asyncio.fixture
async def world(service: Service, clock: FakeClock) -> World:
    """A service with our store, a consumer and the brokers registered."""
    for registration in (INGESTER, SEARCH, KAFKA):
        await holders.holder_registered(registration, "test", service)
    return World(service, clock)


@pytest.fixture
def fake_ingester() -> FakeIngester:
    """An ingester with nothing to revoke, unless a test adds it."""
    return FakeIngester()


@pytest.fixture
def lines() -> list[str]:
    """The output of the run."""
    return []


@pytest.fixture
def check(world: World, fake_ingester: FakeIngester, lines: list[str]) -> Check:
    """A check that does not wait."""
    return Check(world.service, fake_ingester.ingester(), ShutdownEvent(), lines.append, timedelta(0))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """One key per subject, named like the subject."""
    path = tmp_path / "api_keys.yaml"
    path.write_text(
        yaml.safe_dump(
            [
                {
                    "subject": subject,
                    "roles": roles,
                    "sha256": hashlib.sha256(subject.encode()).hexdigest(),
                    "providers": ["metabase"],
                }
                for subject, roles in SUBJECTS.items()
            ]
        )
    )
    return path


@pytest_asyncio.fixture
async def http(world: World, keys: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key."""
    settings = world.service.settings.model_copy(update={"api_keys_file": keys, "bulk_approval_threshold": 3})
    app = application(SERVICE, replace(world.service, settings=settings), Probes())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://compliance/api/v1") as client:
        yield client


def bearer(subject: str, **more: str) -> dict[str, str]:
    """Returns headers with the key of a subject."""
    return {"Authorization": f"Bearer {subject}"} | more
