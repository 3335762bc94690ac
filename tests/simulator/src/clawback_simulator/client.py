"""A client of the control paths, for tests, the demo and the benchmarks."""

import ssl
from types import TracebackType
from typing import Any, Self

import httpx
import orjson
from pydantic import BaseModel, ConfigDict

from clawback_simulator.actions import EndpointName, FaultMode
from clawback_simulator.rss import FeedControl
from clawback_simulator.truth import Truth

TIMEOUT_S = 120.0
"""Rendering many pages takes a while."""


class Refused(Exception):
    """The simulator rejected a script as invalid or impossible; the message has the reason."""


class Published(BaseModel):
    """Articles that were published, in the order of the feed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    ids: list[str]
    first_sequence: str | None
    last_sequence: str | None


class Revoked(BaseModel):
    """The revoked ids, by kind."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    ids: list[str]
    unknown: list[str]
    reserved: list[str]
    repeated: list[str]
    first_sequence: str | None
    last_sequence: str | None

    @property
    def all_ids(self) -> set[str]:
        """Every id that was revoked by this action, without repeats."""
        return {*self.ids, *self.unknown, *self.reserved}


class SimulatorClient:
    """A client of a simulator; `transport` connects to one in the same process, `verify` trusts a certificate."""

    def __init__(
        self,
        url: str,
        transport: httpx.AsyncBaseTransport | None = None,
        verify: ssl.SSLContext | bool = True,  # noqa: FBT001, FBT002 - as in httpx
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url, transport=transport, timeout=TIMEOUT_S, trust_env=False, verify=verify
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def script(self, *actions: dict[str, Any]) -> list[dict[str, Any]]:
        """Runs these actions in order, and returns their results.

        Raises:
            Refused: one is invalid, and none was run; or one is impossible.
        """
        answer = await self._http.post("/control", content=orjson.dumps(list(actions)))
        body = orjson.loads(answer.content)
        if answer.status_code != httpx.codes.OK:
            raise Refused(str(body["error"]))
        done: list[dict[str, Any]] = body["done"]
        return done

    async def publish(self, count: int = 0, **options: Any) -> Published:
        """Publishes new or reserved articles; options as in the README."""
        return Published.model_validate(await self._one("publish", count=count, **options))

    async def reserve(self, count: int) -> list[str]:
        """Returns ids of articles to be published later."""
        ids: list[str] = (await self._one("reserve", count=count))["ids"]
        return ids

    async def revoke(self, **options: Any) -> Revoked:
        """Revokes; options as in the README."""
        return Revoked.model_validate(await self._one("revoke", **options))

    async def update(self, **options: Any) -> Published:
        """Delivers articles again with new texts."""
        return Published.model_validate(await self._one("update", **options))

    async def redeliver(self, **options: Any) -> Published:
        """Delivers revoked articles again."""
        return Published.model_validate(await self._one("redeliver", **options))

    async def fail(self, endpoint: EndpointName, mode: FaultMode, **options: Any) -> None:
        """Makes the next answers fail."""
        await self._one("fail", endpoint=endpoint, mode=mode, **options)

    async def heal(self, endpoint: EndpointName = "*") -> int:
        """Removes the queued failures; returns how many answers would have failed."""
        dropped: int = (await self._one("heal", endpoint=endpoint))["dropped"]
        return dropped

    async def set(self, **settings: Any) -> None:
        """Changes the provider's rules."""
        await self._one("set", settings=settings)

    async def advance_clock(self, *, seconds: float = 0.0, hours: float = 0.0, days: float = 0.0) -> None:
        """Moves the provider's clock."""
        await self._one("advance_clock", seconds=seconds, hours=hours, days=days)

    async def prerender(self, form: str = "xml", limit: int = 500, *, gzip: bool = True) -> int:
        """Renders the feed's pages now; returns their number."""
        pages: int = (await self._one("prerender", format=form, limit=limit, gzip=gzip))["pages"]
        return pages

    def rss(self, name: str) -> FeedControl:
        """Returns the control of an RSS or Atom feed."""
        return FeedControl(self._http, name)

    async def reset(self, seed: int | None = None) -> None:
        """Resets everything."""
        await self._one("reset", seed=seed)

    async def truth(self, *, served: bool = False, canaries: bool = False, facets: bool = False) -> Truth:
        """Returns the truth."""
        params = {
            name: "1"
            for name, wanted in (("served", served), ("canaries", canaries), ("facets", facets))
            if wanted
        }
        answer = await self._http.get("/control/truth", params=params)
        answer.raise_for_status()
        return Truth.model_validate_json(answer.content)

    async def _one(self, action: str, **fields: Any) -> dict[str, Any]:
        return (await self.script({"action": action, **fields}))[0]
