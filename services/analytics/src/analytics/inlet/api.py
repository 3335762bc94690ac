"""The API process of analytics."""

import asyncio
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from analytics.flow import GROUP, Service
from analytics.inlet.asking import asking
from analytics.inlet.deadletters import desk
from analytics.inlet.minding import minding
from analytics.state import facets
from clawback_common.bus.catchup import CatchUp
from clawback_common.http.app import HOLDINGS_BYTES_MAX, create_app
from clawback_common.http.probes import Check, Probes
from clawback_common.http.routers import dlq_router, health_router, jobs_router
from clawback_common.process import Stopping, serve
from clawback_common.tls import ServerCertificate
from clawback_contracts.revocation.v1 import ArticleRevoked


def api(service: Service, probes: Probes, obeyed: Check) -> FastAPI:
    """The application; it counts for readers once the orders that were there at the start are obeyed."""
    release = version("clawback-analytics")

    async def details() -> dict[str, Any]:
        return {
            "articles": await facets.counts(service.db),
            "cache": {"enabled": service.cache.enabled, "hit_rate": service.cache.tried.hit_rate},
        }

    return create_app(
        title="Clawback: analytics",
        version=release,
        settings=service.settings,
        probes=probes,
        routers=[
            asking(service, obeyed),
            *minding(service),
            jobs_router(GROUP, service.db),
            dlq_router(GROUP, desk(service)),
            health_router(GROUP, release, probes, details=details, clock=service.clock),
        ],
        body_bytes_max={"/api/v1/analytics/holdings": HOLDINGS_BYTES_MAX},
        clock=service.clock,
    )


async def serve_api(service: Service, stopping: Stopping) -> None:
    """Serves until asked to end."""
    probes = Probes()

    async def database() -> None:
        await service.db.fetchval("SELECT 1")

    told = CatchUp(service.settings, service.db, GROUP, ArticleRevoked.TOPIC, refilled=True)
    probes.add("database", database)
    probes.add("orders", told.check)
    probes.add("cache", service.cache.check, required=False)
    settings = service.settings
    await probes.check()
    port = settings.http_port or settings.api_port
    application = api(service, probes, told.check)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(probes.watch(stopping))
        tasks.create_task(
            serve(
                application,
                settings.http_host,
                port,
                stopping,
                tls=ServerCertificate.of(settings),
                probes=probes,
            )
        )
