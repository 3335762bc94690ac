"""A fake ingester: feeds that can be polled, readable articles, and correct holdings."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

import httpx
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from clawback_common.http.client import Sibling
from clawback_common.http.guarded_client import Addresses, AddressRules, GuardedClient
from compliance.gateways.ingester import Ingester
from compliance.gateways.stores import HoldingsClient

CreateNotices = Callable[[UUID], Awaitable[int]]
"""Creates the notices of a poll under its id; returns their number."""


def holdings_client(http: httpx.AsyncClient) -> HoldingsClient:
    """Returns a client over this transport, which resolves every name."""
    addresses = Addresses(AddressRules(public_only=False), lambda name, _: [name])
    return HoldingsClient(GuardedClient(http), GuardedClient(http, addresses))


async def no_notices(_: UUID) -> int:
    """A poll without notices."""
    return 0


@dataclass(slots=True)
class FakeIngester:
    """The ingester's HTTP API over a set of articles."""

    held: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    feeds: list[str] = field(default_factory=lambda: ["metabase-revoked"])
    brings: CreateNotices = no_notices
    failing: int | None = None
    """The status of every response, if set."""
    not_in_analytics: set[str] = field(default_factory=set)
    """Ids that analytics has not received yet; otherwise it holds what the ingester holds."""
    updated_at: datetime | None = None
    """The update time of every listed article."""
    caught_up: bool = True
    accepted: bool = False
    """A poll is first answered with 202 and an address."""
    holdings_requests: list[list[str]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """Fixed answers by id, whatever is held."""
    keys: list[str | None] = field(default_factory=list)
    applied: int | None = 2**53 - 1
    """The applied order reported for removed ids; None: not reported."""

    def app(self) -> Starlette:
        """Returns the application."""
        prefix = "/api/v1"
        return Starlette(
            routes=[
                Route(f"{prefix}/feeds", self._feeds),
                Route(f"{prefix}/feeds/{{name}}/poll", self._poll, methods=["POST"]),
                Route(f"{prefix}/polls/{{poll_id}}", self._poll_result),
                Route(f"{prefix}/articles/sample", self._articles),
                Route(f"{prefix}/articles/{{article_id}}", self._article),
                Route(f"{prefix}/ingester/holdings", self._holdings, methods=["POST"]),
                Route(f"{prefix}/analytics/holdings", self._analytics_holdings, methods=["POST"]),
            ]
        )

    def http(self) -> httpx.AsyncClient:
        """Returns a client that reaches only this application."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app()))

    def holdings(self) -> HoldingsClient:
        """Returns the client for holdings checks."""
        return holdings_client(self.http())

    def ingester(self) -> Ingester:
        """Returns the client for the ingester."""
        return Ingester(Sibling("the ingester", AnyHttpUrl("http://ingester"), None, self.http()), 30)

    async def _feeds(self, _: Request) -> Response:
        items = [{"name": name, "kind": "revoked"} for name in self.feeds]
        return self._response({"items": [*items, {"name": "metabase-articles", "kind": "articles"}]})

    async def _poll(self, request: Request) -> Response:
        self.keys.append(request.headers.get("authorization"))
        poll_id = uuid4()
        if self.failing:
            return JSONResponse({"detail": "The provider failed: html"}, self.failing)
        noticed = await self.brings(poll_id)
        if self.accepted:
            return Response(status_code=202, headers={"Location": f"/api/v1/polls/{poll_id}?n={noticed}"})
        return self._response({"poll_id": str(poll_id), "noticed": noticed, "caught_up": self.caught_up})

    async def _poll_result(self, request: Request) -> Response:
        noticed = int(request.query_params["n"])
        return self._response(
            {"poll_id": request.path_params["poll_id"], "noticed": noticed, "caught_up": True}
        )

    async def _articles(self, _: Request) -> Response:
        fields = {"updated_at": self.updated_at.isoformat()} if self.updated_at else {}
        return self._response({"items": [{"article_id": one, **fields} for one in sorted(self.listed)]})

    async def _article(self, request: Request) -> Response:
        listed = request.path_params["article_id"] in self.listed
        return JSONResponse({}, self.failing or (200 if listed else 410))

    async def _holdings(self, request: Request) -> Response:
        return await self._states(request, self.held)

    async def _analytics_holdings(self, request: Request) -> Response:
        return await self._states(request, self.held - self.not_in_analytics)

    async def _states(self, request: Request, held: set[str]) -> Response:
        ids = (await request.json())["article_ids"]
        self.holdings_requests.append(ids)
        actual = {one: "held" if one in held else "gone" for one in ids}
        items = {one: self.answers.get(one, state) for one, state in actual.items()}
        if self.applied is None:
            return self._response({"items": items})
        orders = {one: self.applied for one in ids if self.applied and one not in held}
        return self._response({"items": items, "orders": orders})

    def _response(self, body: object) -> Response:
        return JSONResponse(body, self.failing or 200)
