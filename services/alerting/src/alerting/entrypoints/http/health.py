"""The health endpoints of the whole system, for load balancers, monitoring and people."""

import platform
import time
from functools import partial
from importlib.metadata import version as version_of
from typing import Any

from fastapi import Response

from alerting.domain import health
from alerting.entrypoints.http.callers import Inspecting, Reader
from alerting.entrypoints.http.health_schemas import DetailedSystemHealth, SystemHealth
from alerting.gateways.health_checks import HealthChecks
from alerting.settings import SERVICE_NAMES
from alerting.use_cases.service import Service
from clawback_common.http.api_keys import ApiKeys
from clawback_common.http.routers import rss_bytes, status_code
from clawback_common.http.routing import Router

_STARTED_S = time.monotonic()


def health_of_all(service: Service, checks: HealthChecks) -> Router:
    """Returns `health`, and the detailed health under two paths: 200 when healthy or degraded, otherwise 503."""
    router = Router(tags=["health"])
    keys = ApiKeys(service.settings.api_keys_file)
    page = partial(_page, release=version_of("clawback-alerting"), service=service, keys=keys)

    @router.get("/health", summary="Health of the whole system", responses={503: {"model": SystemHealth}})
    async def brief(response: Response) -> SystemHealth:
        found = SystemHealth.model_validate(page(await checks.ask()))
        response.status_code = status_code(found.status)
        return found

    @router.get(
        "/health/detailed",
        summary="Health of the whole system, with details of each part",
        responses={503: {"model": DetailedSystemHealth}},
    )
    async def detailed(_: Reader, response: Response) -> DetailedSystemHealth:
        snapshot = await checks.ask()
        found = DetailedSystemHealth.model_validate(page(snapshot) | _details(snapshot, service))
        response.status_code = status_code(found.status)
        return found

    @router.get(
        "/admin/health/detailed",
        summary="The same as /health/detailed, under its older path",
        responses={503: {"model": DetailedSystemHealth}},
    )
    async def administrators(caller: Inspecting, response: Response) -> DetailedSystemHealth:
        return await detailed(caller, response)

    return router


def _page(snapshot: health.HealthSnapshot, release: str, service: Service, keys: ApiKeys) -> dict[str, Any]:
    found, subjects = health.parts(snapshot), keys.subjects()
    return {
        "status": health.overall(found, SERVICE_NAMES),
        "timestamp": snapshot.at,
        "version": release,
        "environment": service.settings.environment,
        "services": {name: part.as_json() for name, part in found.items()},
        "metrics": health.metrics(snapshot) | {"totalUsers": None if subjects is None else len(subjects)},
    }


def _details(snapshot: health.HealthSnapshot, service: Service) -> dict[str, Any]:
    lags = snapshot.lags.body if snapshot.lags.ok else None
    pool = service.db.pool
    return {
        "uptimeSeconds": round(time.monotonic() - _STARTED_S, 1),
        "memory": {"rss_bytes": rss_bytes()},
        "versions": {"python": platform.python_version()}
        | {name: version_of(name) for name in ("fastapi", "faststream", "aiokafka", "asyncpg", "apprise")},
        "pool": {"connections": pool.get_size(), "idle": pool.get_idle_size(), "max": pool.get_max_size()},
        "lags": lags["lags"] if lags else None,
        "deadLetters": lags["dead_letters"] if lags else None,
        "outboxes": {
            name: {"waiting": one.body[0], "oldestSeconds": one.body[1]} if one.ok else None
            for name, one in snapshot.outboxes.items()
        },
        "lastDone": health.last_done(snapshot),
        "feeds": snapshot.feeds.body if snapshot.feeds.ok else None,
        "parts": {name: one.body for name, one in snapshot.details.items() if one.body},
    }
