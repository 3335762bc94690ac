"""Retention asks the ingester, which requires a key, which articles of a hold it has."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from pydantic import AnyHttpUrl

from clawback_common.http.probes import Probes
from clawback_common.messaging.outbox.bulk import BulkOutbox
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.postgres.migrate import Migration
from clawback_common.service.api import application
from clawback_testing.clock import FakeClock
from clawback_testing.databases import Databases
from ingester import service as ingester
from ingester.settings import Settings as IngesterSettings
from retention.service import SERVICE, assemble
from retention.settings import Settings
from retention.use_cases.service import Service
from services.ingester.tests.integration.world import World
from tests.pairs.serving import served

pytestmark = pytest.mark.integration

HELD, REVOKED, UNKNOWN = "up:1", "up:2", "up:3"
OFFICER = {"X-API-Key": "officer"}


@dataclass
class Pair:
    """Retention's service, and the ingester with its articles."""

    service: Service
    ingester: World

    async def hold(self, **body: Any) -> dict[str, Any]:
        """Places a hold as an officer; returns the response."""
        transport = httpx.ASGITransport(application(SERVICE, self.service, Probes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://retention/api/v1") as http:
            request = {"data_class": "articles", "reason": "a law suit"} | body
            response = await http.post("/retention/holds", json=request, headers=OFFICER)
        assert response.status_code == 201, response.text
        found: dict[str, Any] = response.json()
        return found


@asynccontextmanager
async def _database(
    databases: Databases, migrations: Sequence[Migration], name: str
) -> AsyncIterator[Database]:
    async with databases.fresh(migrations) as url, Database.connect(url, name=name) as db:
        yield db


async def _always() -> None:
    """Every order from the start is applied."""


@pytest_asyncio.fixture
async def pair(
    databases: Databases, clock: FakeClock, tmp_path: Path, unused_tcp_port: int
) -> AsyncIterator[Pair]:
    """One stored article, and a revoked one."""
    keys, key = tmp_path / "api_keys.yaml", tmp_path / "ingester.key"
    entry = {"subject": "retention", "roles": ["reader"], "sha256": sha256(b"reader").hexdigest()}
    officer = {"subject": "ann", "roles": ["officer"], "sha256": sha256(b"officer").hexdigest()}
    keys.write_text(yaml.safe_dump([entry, officer]))
    key.write_text("reader\n")
    auth = {"enable_auth": True, "api_keys_file": keys}
    async with AsyncExitStack() as stack:
        store_db = await stack.enter_async_context(
            _database(databases, ingester.SERVICE.all_migrations(), "ingester")
        )
        own_db = await stack.enter_async_context(_database(databases, SERVICE.all_migrations(), "retention"))
        settings = IngesterSettings(submission_topics={"article-submissions.v1": ("up",)})
        store = replace(
            ingester.assemble(
                settings.model_copy(update=auth), store_db, clock, PriorityOutbox(), BulkOutbox(), {}
            ),
            orders_applied=_always,
        )
        world = World(store, clock)
        await world.submit(world.article(HELD), world.article(REVOKED))
        await world.order(world.revocation(REVOKED))
        await stack.enter_async_context(
            served(application(ingester.SERVICE, store, Probes()), unused_tcp_port)
        )
        address = AnyHttpUrl(f"http://127.0.0.1:{unused_tcp_port}")
        ours = Settings().model_copy(update=auth | {"ingester_url": address, "ingester_api_key_file": key})
        yield Pair(assemble(ours, own_db, clock, PriorityOutbox()), world)


async def test_a_hold_on_stored_articles_has_no_warning(pair: Pair) -> None:
    hold = await pair.hold(article_ids=[HELD])
    assert (hold["article_ids_not_held"], hold["warning"]) == ([], None)


async def test_a_hold_reports_unknown_and_revoked_ids_and_is_in_force(pair: Pair) -> None:
    hold = await pair.hold(article_ids=[UNKNOWN, HELD, REVOKED])
    assert hold["article_ids_not_held"] == [UNKNOWN, REVOKED]
    assert hold["warning"].startswith("2 of the ids are unknown, revoked or swept")
    assert hold["state"] == "placed"


async def test_more_ids_than_fit_into_one_request_are_all_checked(pair: Pair) -> None:
    unknown = [f"up:unknown-{number}" for number in range(1_000)]
    hold = await pair.hold(article_ids=[*unknown, HELD])
    assert hold["article_ids_not_held"] == unknown


@pytest.mark.parametrize(
    "body", [{"everything": True}, {"data_class": "compliance_records", "article_ids": [HELD]}]
)
async def test_a_hold_without_articles_of_the_ingester_sends_no_request(
    pair: Pair, body: dict[str, Any]
) -> None:
    hold = await pair.hold(**body)
    assert (hold["article_ids_not_held"], hold["warning"]) == (None, None)


@pytest.mark.parametrize(
    "update", [{"ingester_api_key_file": None}, {"ingester_url": AnyHttpUrl("http://127.0.0.1:9")}]
)
async def test_without_a_response_the_hold_is_in_force_and_the_ids_are_unchecked(
    pair: Pair, update: dict[str, Any]
) -> None:
    settings = pair.service.settings.model_copy(update=update)
    hold = await Pair(replace(pair.service, settings=settings), pair.ingester).hold(article_ids=[UNKNOWN])
    assert (hold["state"], hold["article_ids_not_held"], hold["warning"]) == ("placed", None, None)
