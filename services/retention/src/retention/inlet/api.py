"""The API process of retention."""

import asyncio
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from clawback_common.http.app import create_app
from clawback_common.http.probes import Probes
from clawback_common.http.routers import dlq_router, health_router, jobs_router
from clawback_common.process import Stopping, serve
from clawback_common.tls import ServerCertificate
from clawback_common.watching import watches
from retention.flow import Service
from retention.inlet.acting import acting
from retention.inlet.deadletters import desk
from retention.inlet.reading import reading
from retention.state import holds, sweeps

NAME = "retention"
HOLDS_BYTES_MAX = 4_000_000
"""10,000 of the longest ids, as JSON; what is too much for a request is refused in words."""


def api(service: Service, probes: Probes) -> FastAPI:
    """The application."""
    release = version("clawback-retention")

    async def details() -> dict[str, Any]:
        return {
            "worker_seen_at": await watches.seen(service.db, "worker"),
            "last_swept_at": await sweeps.last_done(service.db, service.policies),
            "open_sweeps": await sweeps.open_count(service.db),
            "holds_in_force": await holds.counts(service.db),
        }

    return create_app(
        title="Clawback: retention",
        version=release,
        settings=service.settings,
        probes=probes,
        routers=[
            *reading(service),
            *acting(service),
            jobs_router(NAME, service.db),
            dlq_router(NAME, desk(service)),
            health_router(NAME, release, probes, details=details, clock=service.clock),
        ],
        body_bytes_max={"/api/v1/retention/holds": HOLDS_BYTES_MAX},
        clock=service.clock,
    )


async def serve_api(service: Service, stopping: Stopping) -> None:
    """Serves until asked to end."""
    probes = Probes()

    async def database() -> None:
        await service.db.fetchval("SELECT 1")

    probes.add("database", database)
    settings = service.settings
    await probes.check()
    port = settings.http_port or settings.api_port
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(probes.watch(stopping))
        tasks.create_task(
            serve(
                api(service, probes),
                settings.http_host,
                port,
                stopping,
                tls=ServerCertificate.of(settings),
                probes=probes,
            )
        )
