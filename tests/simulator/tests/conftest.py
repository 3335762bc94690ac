"""A simulator in the same process, its control client, and a reader that behaves like an ingester."""

from collections.abc import AsyncIterator
from typing import Any
from xml.etree.ElementTree import Element

import httpx
import pytest
from defusedxml import ElementTree

from clawback_simulator.app import create_app
from clawback_simulator.client import SimulatorClient
from clawback_simulator.simulator import Simulator


class Reader:
    """Calls the provider with a key; every method returns the parsed body."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def get(self, name: str, *, key: str = "k", **params: Any) -> httpx.Response:
        """Makes one call."""
        return await self.http.get(f"/api/v10/{name}", params={"key": key, **params})

    async def xml(self, name: str, **params: Any) -> Element:
        """Returns the root of an XML answer."""
        root: Element = ElementTree.fromstring((await self.get(name, **params)).content)
        return root

    async def json(self, name: str, **params: Any) -> dict[str, Any]:
        """Returns a JSON answer."""
        body: dict[str, Any] = (await self.get(name, format="json", **params)).json()
        return body

    async def code(self, name: str, **params: Any) -> str | None:
        """Returns the message code; None on success."""
        code: str | None = (await self.json(name, **params)).get("messageCode")
        return code

    async def walk(self, limit: int = 500, **params: Any) -> list[dict[str, Any]]:
        """Reads the whole feed from 0 on, page by page."""
        cursor, found = "0", list[dict[str, Any]]()
        while True:
            page = (await self.json("articles", sequence_id=cursor, limit=limit, **params))["articles"]
            found += page
            if len(page) < limit:
                return found
            cursor = page[-1]["sequenceId"]


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(seed=7)


@pytest.fixture
def transport(simulator: Simulator) -> httpx.ASGITransport:
    return httpx.ASGITransport(create_app(simulator))


@pytest.fixture
async def control(transport: httpx.ASGITransport) -> AsyncIterator[SimulatorClient]:
    async with SimulatorClient("http://simulator", transport) as client:
        yield client


@pytest.fixture
async def reader(transport: httpx.ASGITransport) -> AsyncIterator[Reader]:
    async with httpx.AsyncClient(base_url="http://simulator", transport=transport) as http:
        yield Reader(http)
