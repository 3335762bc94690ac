"""Routers whose routes check the caller and the names of query parameters before they read the body.

FastAPI reads and parses a body before it resolves dependencies: a caller without a key could make it parse megabytes.
And it ignores unknown and repeated query parameters: a caller who misspells a filter would get unfiltered results.
"""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from enum import Enum
from inspect import iscoroutinefunction
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.params import Depends
from fastapi.routing import APIRoute
from typing_extensions import override

from clawback_common.http.auth import Gate
from clawback_common.http.problem import Problem, field_error

NAME_CHARS_MAX = 100
NAMES_MAX = 20


class GatedRoute(APIRoute):
    """Checks its gates and the names of query parameters, then continues as FastAPI does.

    Raises:
        TypeError: the endpoint or a dependency is a plain function. Each request would run it in another thread.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for part in _parts(self.dependant):
            if not (iscoroutinefunction(part.call) or iscoroutinefunction(type(part.call).__call__)):
                raise TypeError(f"{self.path}: {part.call} must be async")
        self.gates = tuple(gate for part in _parts(self.dependant) if isinstance(gate := part.call, Gate))
        self.query_names = frozenset(
            field.alias for part in _parts(self.dependant) for field in part.query_params
        )
        roles = sorted({role for gate in self.gates for role in gate.roles})
        if roles:
            self.openapi_extra = {**(self.openapi_extra or {}), "x-roles": roles}

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def gated(request: Request) -> Response:
            for gate in self.gates:
                gate.admit(request)
            require_known(request, self.query_names)
            return await handler(request)

        return gated


class Router(APIRouter):
    """The router that every service uses; an application accepts no other."""

    def __init__(
        self,
        *,
        prefix: str = "",
        tags: list[str | Enum] | None = None,
        dependencies: Sequence[Depends] | None = None,
    ) -> None:
        super().__init__(prefix=prefix, tags=tags, dependencies=dependencies, route_class=GatedRoute)


def require_known(request: Request, names: frozenset[str]) -> None:
    """Refuse a query with other parameters than these, or with one of them twice.

    Raises:
        Problem: 422, naming each of them.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    unknown = [name for name in request.query_params if name not in names]
    if unknown:
        known = (
            f"Known parameters: {', '.join(sorted(names))}."
            if names
            else "This path has no query parameters."
        )
        errors = [
            field_error(name[:NAME_CHARS_MAX], "unknown_parameter", known) for name in unknown[:NAMES_MAX]
        ]
        raise Problem(422, f"{len(unknown)} unknown query parameter(s).", errors=errors)
    repeated = sorted({name for name in given if given.count(name) > 1})
    if repeated:
        errors = [field_error(name, "repeated_parameter", "Give it once.") for name in repeated]
        raise Problem(422, f"{len(repeated)} repeated query parameter(s).", errors=errors)


def _parts(dependant: Dependant) -> Iterator[Dependant]:
    """Yield a route's own parameters, and those of all its dependencies."""
    yield dependant
    for dependency in dependant.dependencies:
        yield from _parts(dependency)
