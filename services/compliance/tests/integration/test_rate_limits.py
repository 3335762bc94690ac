"""A flood of reads delays no takedown: notices, receipts and the list of orders have budgets of their own."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from clawback_common.http.probes import Probes
from clawback_common.service.api import application
from compliance.service import SERVICE
from services.compliance.tests.integration.conftest import World, bearer

pytestmark = pytest.mark.integration
NOTICE = {"article_id": "metabase:1", "reason": "licensor"}


@pytest_asyncio.fixture
async def limited(world: World, keys: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an API with the limits of production."""
    settings = world.service.settings.model_copy(update={"api_keys_file": keys, "rate_limit_burst": 10})
    app = application(SERVICE, replace(world.service, settings=settings), Probes())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://compliance/api/v1") as client:
        yield client


async def _used_up(client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> bool:
    """Reads until the limit is reached."""
    answers = [await client.get(path, headers=headers) for _ in range(12)]
    return [one.status_code for one in answers].count(429) > 0


async def test_a_flood_of_reads_delays_no_takedown(limited: httpx.AsyncClient) -> None:
    for subject in ("officer", "search"):
        for path in ("/compliance/overdue", "/compliance/notices/unknown"):
            assert await _used_up(limited, path, bearer(subject))
    for number in range(20):
        sent = await limited.post("/compliance/notices", json=NOTICE, headers=bearer("officer"))
        assert sent.status_code in {200, 202}, (number, sent.text)
        answered = await limited.post("/compliance/receipts", json={}, headers=bearer("search"))
        assert answered.status_code == 422, "the body is not a receipt, and was read"
        orders = await limited.get("/compliance/revocations", headers=bearer("officer"))
        assert orders.status_code == 200


async def test_health_is_answered_when_reads_are_used_up(limited: httpx.AsyncClient) -> None:
    assert await _used_up(limited, "/compliance/overdue", {})
    for _ in range(20):
        assert (await limited.get("/compliance/health")).status_code != 429
