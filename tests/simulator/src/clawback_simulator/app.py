"""The HTTP application: the provider's paths, the control paths, and the truth."""

from functools import partial

import orjson
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from clawback_simulator import rss, script, truth
from clawback_simulator.actions import SCRIPT
from clawback_simulator.provider import ENDPOINTS, respond
from clawback_simulator.schema import xsd
from clawback_simulator.simulator import Simulator
from clawback_simulator.world import Impossible


def create_app(simulator: Simulator) -> Starlette:
    """Creates an ASGI application around one simulator."""

    async def schema(_: Request) -> Response:
        return Response(xsd(), media_type="application/xml")

    async def alive(_: Request) -> Response:
        return _json({"status": "up"})

    provider = [
        Route(f"/api/v10/{name}", partial(respond, simulator, name, endpoint))
        for name, endpoint in ENDPOINTS.items()
    ]
    return Starlette(
        routes=[
            *provider,
            *rss.routes(lambda: simulator.rss),
            Route("/schema/articles10.xsd", schema),
            Route("/livez", alive),
            Route("/control", partial(_control, simulator), methods=["POST"]),
            Route("/control/truth", partial(_truth, simulator)),
        ]
    )


async def _control(simulator: Simulator, request: Request) -> Response:
    """Runs a script; a single action needs no list."""
    try:
        body = orjson.loads(await request.body())
        actions = SCRIPT.validate_python(body if isinstance(body, list) else [body], strict=False)
    except orjson.JSONDecodeError as error:
        return _json({"error": f"not JSON: {error}"}, 422)
    except ValidationError as error:
        return _json(
            {"error": error.errors(include_url=False, include_context=False, include_input=False)}, 422
        )
    done: list[script.Done] = []
    for action in actions:
        try:
            done.append(script.perform(simulator, action))
        except Impossible as error:
            return _json({"error": str(error), "done": done}, 409)
    return _json({"done": done})


async def _truth(simulator: Simulator, request: Request) -> Response:
    extras = {name: request.query_params.get(name) in {"1", "true"} for name in truth.EXTRAS}
    return _json(truth.describe(simulator, **extras))


def _json(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
