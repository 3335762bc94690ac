"""An ingester with feeds of the provider's simulator: the client, rate limit and parser of production."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import httpx
from pydantic import AnyHttpUrl, SecretStr
from typing_extensions import override

from clawback_common.postgres.pool import Row
from clawback_contracts.revocation.v1 import RevocationNoticed
from clawback_simulator.app import create_app
from clawback_simulator.client import SimulatorClient
from clawback_simulator.simulator import Simulator
from clawback_testing.clock import FakeClock
from ingester.domain.feed import PollResult
from ingester.gateways.providers.port import Feed
from ingester.service import configured_feeds
from ingester.storage import feeds
from ingester.use_cases import polling
from ingester.use_cases.service import Service
from services.ingester.tests.integration.world import World

ARTICLES, REVOKED = "metabase-articles", "metabase-revoked"
FEEDS = f"""
feeds:
  - {{name: {ARTICLES}, kind: articles}}
  - {{name: {REVOKED}, kind: revoked}}
"""


@dataclass
class Simulated:
    """The service, its feeds, and the control interface of their provider."""

    world: World
    feeds: Mapping[str, Feed]
    provider: SimulatorClient

    async def poll(self, name: str) -> PollResult:
        """Polls a feed once."""
        return await polling.poll(self.feeds[name], self.world.service, "test")

    async def advance(self, **time: float) -> None:
        """Advances the time of the service, the provider and the key's rate limit."""
        self.world.clock.advance(**time)
        await self.provider.advance_clock(**time)

    async def row(self, name: str) -> Row:
        """Returns a feed as the API shows it."""
        (found,) = [row for row in await feeds.all_feeds(self.world.db) if row["name"] == name]
        return found

    async def noticed(self) -> set[str]:
        """Returns the provider's ids of all notices."""
        return {n.article_id.removeprefix("metabase:") for n in await self.world.unsent(RevocationNoticed)}

    async def stored(self) -> set[str]:
        """Returns the provider's ids of all stored articles."""
        rows = await self.world.db.fetch("SELECT article_id FROM article WHERE version > 0")
        return {row["article_id"].removeprefix("metabase:") for row in rows}


class LateTransport(httpx.AsyncBaseTransport):
    """Slow connections: each request reaches the provider up to this many seconds after it was made."""

    def __init__(self, inner: httpx.AsyncBaseTransport, late_s_max: float) -> None:
        self._inner, self._late_s_max, self._chance = inner, late_s_max, Random(7)  # noqa: S311 - no secret

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._late_s_max:
            await asyncio.sleep(self._late_s_max * self._chance.random())
        return await self._inner.handle_async_request(request)


@asynccontextmanager
async def simulated_provider(
    service: Service,
    clock: FakeClock,
    folder: Path,
    *,
    listed: str = FEEDS,
    late_s_max: float = 0.0,
    **settings: Any,
) -> AsyncIterator[Simulated]:
    """A separate provider for the service; ``settings`` are the service's settings that differ."""
    path = folder / "feeds.yaml"
    path.write_text(listed)
    url = AnyHttpUrl("http://simulator/")
    update = {
        "metabase_url": url,
        "feeds": path,
        "metabase_pause_s": 0.0,
        "metabase_api_key": SecretStr("k"),
        **settings,
    }
    configured = replace(service, settings=service.settings.model_copy(update=update))
    transport = httpx.ASGITransport(create_app(Simulator(seed=5)))
    async with (
        httpx.AsyncClient(transport=LateTransport(transport, late_s_max)) as http,
        SimulatorClient("http://simulator", transport) as control,
    ):
        await control.script({"action": "set_clock", "at": clock.now().isoformat()})
        feeds = configured_feeds(configured.settings, configured.db, clock, http)
        yield Simulated(World(replace(configured, feeds=feeds), clock), feeds, control)
