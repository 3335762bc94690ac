"""The ingester's API process."""

import asyncio
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from clawback_common.bus.catchup import CatchUp
from clawback_common.http.app import HOLDINGS_BYTES_MAX, create_app
from clawback_common.http.probes import Check, Probes
from clawback_common.http.routers import dlq_router, health_router, jobs_router
from clawback_common.process import Stopping, serve
from clawback_common.tls import ServerCertificate
from clawback_contracts.revocation.v1 import ArticleRevoked
from ingester.entrypoints.deadletters import desk
from ingester.entrypoints.http.commands import routers
from ingester.entrypoints.http.webhooks import WebhookSecrets
from ingester.storage import deliveries
from ingester.use_cases import Service
from ingester.use_cases.polling import Feed

NAME = "ingester"
SUBMISSION_BYTES_MAX = 10_000_000
WEBHOOK_BYTES_MAX = 4_000_000
"""Read before its signature can be checked, so smaller."""
WEBHOOKS_AT_ONCE_MAX = 50
"""Anybody can begin one and send its body slowly; others must still be answered."""


def api(service: Service, by_name: Mapping[str, Feed], probes: Probes, orders_applied: Check) -> FastAPI:
    """The application; articles are read from it once the orders that were there at the start are applied."""
    secrets = WebhookSecrets(service.settings.webhook_secrets)
    release = version("clawback-ingester")

    async def details() -> dict[str, Any]:
        return {"webhooks": await deliveries.backlog(service.db, service.clock.now())}

    return create_app(
        title="Clawback: ingester",
        version=release,
        settings=service.settings,
        probes=probes,
        routers=[
            *routers(service, by_name, secrets, orders_applied),
            jobs_router(NAME, service.db),
            dlq_router(NAME, desk(service)),
            health_router(NAME, release, probes, details=details, clock=service.clock),
        ],
        body_bytes_max={
            "/api/v1/submissions": SUBMISSION_BYTES_MAX,
            "/api/v1/webhooks": WEBHOOK_BYTES_MAX,
            "/api/v1/ingester/holdings": HOLDINGS_BYTES_MAX,
        },
        requests_max={"/api/v1/webhooks": WEBHOOKS_AT_ONCE_MAX},
        clock=service.clock,
    )


async def serve_api(service: Service, by_name: Mapping[str, Feed], stopping: Stopping) -> None:
    """Serves until asked to end."""
    probes = Probes()

    async def database() -> None:
        await service.db.fetchval("SELECT 1")

    told = CatchUp(service.settings, service.db, NAME, ArticleRevoked.TOPIC, refilled=True)
    probes.add("database", database)
    probes.add("orders", told.check)
    settings = service.settings
    await probes.check()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(probes.watch(stopping))
        tasks.create_task(
            serve(
                api(service, by_name, probes, told.check),
                settings.http_host,
                settings.http_port or settings.api_port,
                stopping,
                tls=ServerCertificate.of(settings),
                probes=probes,
            )
        )
