"""A fake compliance API: its list of all orders, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from clawback_common.service.process import ShutdownEvent, serve
from clawback_contracts.revocation.v1 import ArticleRevoked


@dataclass(slots=True)
class Compliance:
    """Lists every order that it has issued."""

    url: AnyHttpUrl
    orders: list[ArticleRevoked] = field(default_factory=list)

    async def list_orders(self, _: Request) -> Response:
        """Return one page with all orders."""
        items = [order.model_dump(mode="json") for order in self.orders]
        return JSONResponse({"items": items, "next_cursor": str(len(items)), "caught_up": True})


@asynccontextmanager
async def serve_compliance(port: int) -> AsyncIterator[Compliance]:
    """Run its server for the duration of a block."""
    compliance = Compliance(AnyHttpUrl(f"http://127.0.0.1:{port}"))
    app = Starlette(routes=[Route("/api/v1/compliance/revocations", compliance.list_orders)])
    stopping = ShutdownEvent()
    serving = asyncio.create_task(serve(app, "127.0.0.1", port, stopping))
    yield compliance
    stopping.set()
    await serving
