"""Routers whose routes check the caller before they read the body.

FastAPI reads and parses a body before it solves dependencies: a caller without a key could make it parse megabytes.
"""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from enum import Enum
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.params import Depends
from fastapi.routing import APIRoute
from typing_extensions import override

from clawback_common.http.auth import Gate


class GatedRoute(APIRoute):
    """Checks the gates among its dependencies, then goes on as FastAPI does."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        gates = tuple(_gates(self.dependant))

        async def gated(request: Request) -> Response:
            for gate in gates:
                gate.admit(request)
            return await handler(request)

        return gated


class Router(APIRouter):
    """The router that every service uses; an application takes no other."""

    def __init__(
        self,
        *,
        prefix: str = "",
        tags: list[str | Enum] | None = None,
        dependencies: Sequence[Depends] | None = None,
    ) -> None:
        super().__init__(prefix=prefix, tags=tags, dependencies=dependencies, route_class=GatedRoute)


def _gates(dependant: Dependant) -> Iterator[Gate]:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Gate):
            yield dependency.call
        yield from _gates(dependency)
