"""The API process of alerting."""

import asyncio
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from alerting.flow import Service
from alerting.inlet.acting import acting
from alerting.inlet.deadletters import desk
from alerting.inlet.health import health_of_all
from alerting.inlet.reading import reading
from alerting.outlet.neighbours import Neighbours
from alerting.state import alerts, messages, watches
from clawback_common.http.app import create_app
from clawback_common.http.probes import Probes
from clawback_common.http.routers import dlq_router, health_router, jobs_router
from clawback_common.process import Stopping, serve
from clawback_common.tls import ServerCertificate

NAME = "alerting"
PUSHED_BYTES_MAX = 2_000_000
"""A thousand alerts of Alertmanager."""


def api(service: Service, neighbours: Neighbours, probes: Probes) -> FastAPI:
    """The application."""
    release = version("clawback-alerting")

    async def details() -> dict[str, Any]:
        _, run_completed_at = await watches.seen(service.db, service.clock.now())
        waiting = await messages.waiting(service.db)
        return {
            "firing": await alerts.firing_counts(service.db),
            "waiting": {channel: count for channel, (count, _) in waiting.items()},
            "run_last_completed_at": run_completed_at,
        }

    return create_app(
        title="Clawback: alerting",
        version=release,
        settings=service.settings,
        probes=probes,
        routers=[
            *acting(service),
            *reading(service),
            health_of_all(service, neighbours, release),
            jobs_router(NAME, service.db),
            dlq_router(NAME, desk(service)),
            health_router(NAME, release, probes, details=details, clock=service.clock),
        ],
        body_bytes_max={"/api/v1/webhooks/alertmanager": PUSHED_BYTES_MAX},
        clock=service.clock,
    )


async def serve_api(service: Service, neighbours: Neighbours, stopping: Stopping) -> None:
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
                api(service, neighbours, probes),
                settings.http_host,
                port,
                stopping,
                tls=ServerCertificate.of(settings),
                probes=probes,
            )
        )
