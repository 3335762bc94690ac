"""The probe endpoints, which are all that a worker serves.

Starlette only: FastAPI would cost a worker half a second and fifteen megabytes.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from clawback_common.http.probes import Probes
from clawback_common.telemetry.metrics import CONTENT_TYPE, render


def probe_app(probes: Probes) -> Starlette:
    """Return an application with `/livez`, `/readyz` and `/metrics`."""
    return Starlette(routes=probe_routes(probes))


def probe_routes(probes: Probes) -> list[BaseRoute]:
    """Return `/livez` (the process responds), `/readyz` (200 or 503 with each check) and `/metrics`."""

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_: Request) -> Response:
        return JSONResponse(probes.answer(), status_code=200 if probes.ready else 503)

    async def metrics(_: Request) -> Response:
        return Response(render(), headers={"Content-Type": CONTENT_TYPE})

    return [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]
