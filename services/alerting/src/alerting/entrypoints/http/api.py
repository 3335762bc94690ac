"""The HTTP API of alerting."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from redis.asyncio import Redis

from alerting.entrypoints.http.commands import commands
from alerting.entrypoints.http.health import health_of_all
from alerting.entrypoints.http.queries import queries
from alerting.gateways.health_checks import HealthChecks
from alerting.storage import alerts, messages, watches
from alerting.use_cases.service import Service
from clawback_common.http.probes import Probes
from clawback_common.service.definition import Api

PUSHED_BYTES_MAX = 2_000_000
"""Enough for a thousand alerts of Alertmanager."""


def api(service: Service, _: Probes) -> Api:
    """Returns the API: alerts, silences, and the health of the whole system, which it checks in all services."""
    settings = service.settings
    limit_s = settings.health_timeout_s
    http = httpx.AsyncClient(timeout=limit_s)
    redis = Redis.from_url(
        settings.redis_url.get_secret_value(), socket_timeout=limit_s, socket_connect_timeout=limit_s
    )
    neighbours = HealthChecks(settings, service.db, service.clock, http, redis)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        async with http, redis:
            try:
                yield
            finally:
                await neighbours.close()

    async def details() -> dict[str, Any]:
        _, run_completed_at = await watches.load(service.db, service.clock.now())
        waiting = await messages.waiting(service.db)
        return {
            "firing": await alerts.firing_counts(service.db),
            "waiting": {channel: count for channel, (count, _) in waiting.items()},
            "run_last_completed_at": run_completed_at,
        }

    return Api(
        routers=[*commands(service), *queries(service), health_of_all(service, neighbours)],
        details=details,
        body_bytes_max={"/api/v1/webhooks/alertmanager": PUSHED_BYTES_MAX},
        rate_limits={
            "GET /api/v1/health": "lenient",
            "GET /api/v1/admin/health": "lenient",
            "POST /api/v1/webhooks": "webhook",
        },
        lifespan=lifespan,
    )
