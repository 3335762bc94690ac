"""The API process of a service, built from its definition."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext
from functools import partial
from importlib.metadata import version
from typing import Any, TypeVar
from uuid import UUID

from fastapi import FastAPI

from clawback_common.config.tls import ServerCertificate
from clawback_common.http.app import HOLDINGS_BYTES_MAX, PREFIX, Lifespan, create_app
from clawback_common.http.holdings import holdings_router
from clawback_common.http.incidents import incidents_router
from clawback_common.http.probes import Probes
from clawback_common.http.rate_limits.budgets import Budgets
from clawback_common.http.rate_limits.limit import Preset
from clawback_common.http.rate_limits.limiter import RateLimiter
from clawback_common.http.rate_limits.middleware import RateLimits
from clawback_common.http.routers import dlq_router, health_router, jobs_router
from clawback_common.http.routing import Router
from clawback_common.messaging import incidents
from clawback_common.postgres.pool import Row
from clawback_common.service.dead_letters import dead_letter_service
from clawback_common.service.definition import Api, ServiceDefinition
from clawback_common.service.objects import ServiceObjects
from clawback_common.service.process import ShutdownEvent, serve

T = TypeVar("T", bound=ServiceObjects[Any])


def application(definition: ServiceDefinition[Any, T], service: T, probes: Probes) -> FastAPI:
    """Create the application with the service's routes and the common ones.

    The common routes are incidents, holdings, job runs, dead letters and health.

    Args:
        definition: of the service.
        service: its objects.
        probes: the readiness checks; the definition may add some.
    """
    release, settings = version(f"clawback-{definition.name}"), service.settings
    own = definition.api(service, probes)
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    limiter = RateLimiter.of(redis_url, service.clock)
    probes.add("rate limits", limiter.check, required=False)
    budgets = Budgets(definition.name, settings, dict(_rate_limits(definition, own)))
    return create_app(
        title=f"Clawback: {definition.name}",
        version=release,
        settings=settings,
        probes=probes,
        routers=[
            *own.routers,
            *_common(definition, service),
            jobs_router(definition.name, service.db),
            dlq_router(definition.name, dead_letter_service(definition, service)),
            health_router(definition.name, release, probes, details=own.details, clock=service.clock),
        ],
        lifespan=_lifespan(own.lifespan, limiter),
        body_bytes_max={f"{PREFIX}/{definition.name}/holdings": HOLDINGS_BYTES_MAX, **own.body_bytes_max},
        requests_max=own.requests_max,
        limits=RateLimits(budgets, limiter, settings.trusted_proxies),
        clock=service.clock,
    )


def _rate_limits(definition: ServiceDefinition[Any, T], own: Api) -> Iterator[tuple[str, Preset]]:
    """Yield the limits of the common paths that our services call in each other, and those of the service's own."""
    yield f"GET {PREFIX}/{definition.name}/health", "lenient"
    yield f"GET {PREFIX}/{definition.name}/jobs", "lenient"
    if definition.held is not None:
        yield f"POST {PREFIX}/{definition.name}/holdings", "internal"
    yield from own.rate_limits.items()


def _lifespan(own: Lifespan | None, limiter: RateLimiter) -> Lifespan:
    """Return the service's lifespan, which also closes the limiter."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        entered: AbstractAsyncContextManager[None] = own(app) if own else nullcontext()
        async with aclosing(limiter), entered:
            yield

    return lifespan


def _common(definition: ServiceDefinition[Any, T], service: T) -> Iterator[Router]:
    close = definition.close_incident or _close
    yield incidents_router(definition.name, service.db, partial(close, service))
    if definition.held is not None:
        yield holdings_router(definition.name, service.db, definition.held)


async def _close(service: ServiceObjects[Any], incident_id: UUID, by: str, note: str) -> Row | None:
    async with service.db.transaction() as tx:
        return await incidents.close(tx, incident_id, by, note, service.clock.now())


async def serve_api(definition: ServiceDefinition[Any, T], service: T, stopping: ShutdownEvent) -> None:
    """Serve until shutdown."""
    probes = Probes()

    async def database() -> None:
        await service.db.fetchval("SELECT 1")

    probes.add("database", database)
    app = application(definition, service, probes)
    settings = service.settings
    await probes.check()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(probes.watch(stopping))
        tasks.create_task(
            serve(
                app,
                settings.http_host,
                settings.http_port or settings.api_port,
                stopping,
                tls=ServerCertificate.of(settings),
                probes=probes,
            )
        )
