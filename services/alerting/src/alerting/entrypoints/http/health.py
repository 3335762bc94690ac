"""The health of the whole system, for whoever balances, watches or looks."""

import platform
import time
from importlib.metadata import version as version_of
from typing import Any

from fastapi import Response

from alerting.domain import health
from alerting.entrypoints.http.callers import Inspecting, Reader
from alerting.entrypoints.http.health_schemas import DetailedSystemHealth, SystemHealth
from alerting.gateways.health_checks import HealthChecks
from alerting.settings import SERVICE_NAMES
from alerting.use_cases import Service
from clawback_common.http.api_keys import ApiKeys
from clawback_common.http.routers import rss_bytes, status_code
from clawback_common.http.routing import Router

_STARTED_S = time.monotonic()


def health_of_all(service: Service, neighbours: HealthChecks) -> Router:
    """`health`, and the same in detail under its two names: 200 when healthy or degraded, 503 when not."""
    router = Router(tags=["health"])
    release, keys = version_of("clawback-alerting"), ApiKeys(service.settings.api_keys_file)

    def page(asked: health.HealthSnapshot) -> dict[str, Any]:
        return _page(asked, release, service, keys)

    @router.get("/health", summary="Whether the whole system works", responses={503: {"model": SystemHealth}})
    async def brief(response: Response) -> SystemHealth:
        found = SystemHealth.model_validate(page(await neighbours.ask()))
        response.status_code = status_code(found.status)
        return found

    @router.get(
        "/health/detailed",
        summary="How each part of the system is",
        responses={503: {"model": DetailedSystemHealth}},
    )
    async def detailed(_: Reader, response: Response) -> DetailedSystemHealth:
        asked = await neighbours.ask()
        found = DetailedSystemHealth.model_validate(page(asked) | _details(asked, service))
        response.status_code = status_code(found.status)
        return found

    @router.get(
        "/admin/health/detailed",
        summary="The same, under its older name",
        responses={503: {"model": DetailedSystemHealth}},
    )
    async def administrators(caller: Inspecting, response: Response) -> DetailedSystemHealth:
        return await detailed(caller, response)

    return router


def _page(asked: health.HealthSnapshot, release: str, service: Service, keys: ApiKeys) -> dict[str, Any]:
    found, subjects = health.parts(asked), keys.subjects()
    return {
        "status": health.overall(found, SERVICE_NAMES),
        "timestamp": asked.at,
        "version": release,
        "environment": service.settings.environment,
        "services": {name: part.told() for name, part in found.items()},
        "metrics": health.metrics(asked) | {"totalUsers": None if subjects is None else len(subjects)},
    }


def _details(asked: health.HealthSnapshot, service: Service) -> dict[str, Any]:
    told = asked.lags.body if asked.lags.ok else None
    pool = service.db.pool
    return {
        "uptimeSeconds": round(time.monotonic() - _STARTED_S, 1),
        "memory": {"rss_bytes": rss_bytes()},
        "versions": {"python": platform.python_version()}
        | {name: version_of(name) for name in ("fastapi", "faststream", "aiokafka", "asyncpg", "apprise")},
        "pool": {"connections": pool.get_size(), "idle": pool.get_idle_size(), "max": pool.get_max_size()},
        "lags": told["lags"] if told else None,
        "deadLetters": told["dead_letters"] if told else None,
        "outboxes": {
            name: {"waiting": one.body[0], "oldestSeconds": one.body[1]} if one.ok else None
            for name, one in asked.outboxes.items()
        },
        "lastDone": health.last_done(asked),
        "feeds": asked.feeds.body if asked.feeds.ok else None,
        "parts": {name: one.body for name, one in asked.details.items() if one.body},
    }
