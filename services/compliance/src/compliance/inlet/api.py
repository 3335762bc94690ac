"""The API process of compliance."""

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
from compliance.flow import Service
from compliance.inlet.acting import acting
from compliance.inlet.deadletters import desk
from compliance.inlet.notice_status import notice_status
from compliance.inlet.owing import owing
from compliance.inlet.reading import history, reading
from compliance.inlet.takedown_pages import takedown_pages
from compliance.state import runs

NAME = "compliance"
NOTICES_BYTES_MAX = 4_000_000
"""10,000 of the longest ids, as JSON."""
RECEIPTS_BYTES_MAX = 1_000_000
"""500 receipts, each for several kinds of copies."""


def api(service: Service, probes: Probes) -> FastAPI:
    """The application."""
    release = version("clawback-compliance")

    async def details() -> dict[str, Any]:
        return {
            "mock": service.settings.mock,
            "worker_seen_at": await watches.seen(service.db, "worker"),
            "last_completed_run_at": await runs.last_completed(service.db),
        }

    return create_app(
        title="Clawback: compliance",
        version=release,
        settings=service.settings,
        probes=probes,
        routers=[
            *reading(service),
            owing(service),
            takedown_pages(service),
            history(service),
            *acting(service),
            notice_status(service),
            jobs_router(NAME, service.db),
            dlq_router(NAME, desk(service)),
            health_router(NAME, release, probes, details=details, clock=service.clock),
        ],
        body_bytes_max={
            "/api/v1/compliance/notices": NOTICES_BYTES_MAX,
            "/api/v1/compliance/receipts": RECEIPTS_BYTES_MAX,
        },
        clock=service.clock,
    )


async def serve_api(service: Service, stopping: Stopping) -> None:
    """Serves until asked to end."""
    probes = Probes()

    async def database() -> None:
        await service.db.fetchval("SELECT 1")

    probes.add("database", database)
    if service.own_orders is not None:
        probes.add("own orders", service.own_orders.check)
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
