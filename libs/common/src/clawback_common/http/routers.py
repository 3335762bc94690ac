"""Endpoints that every service has below its own name: health, job runs, dead letters."""

import platform
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from clawback_common.clock import Clock, SystemClock
from clawback_common.errors import Transient
from clawback_common.http.auth import Caller, reader, require
from clawback_common.http.dead_letters import DeadLetterFilter, DeadLetters
from clawback_common.http.paging import Cursor, Limit, Page, newest_first
from clawback_common.http.probes import Probes
from clawback_common.http.routing import Router
from clawback_common.http.schemas import DetailedHealth, HealthStatus, ServiceHealth
from clawback_common.postgres import Querier
from clawback_common.service import jobs
from clawback_common.telemetry.describe import describe

Details = Callable[[], Awaitable[Mapping[str, Any]]]

AGE_S_MAX = 10 * 366 * 86_400
"""Ten years; an unlimited age would exceed the calendar."""
_STARTED_S = time.monotonic()
_Reader = Annotated[Caller, Depends(reader())]
_Operator = Annotated[Caller, Depends(require("operator"))]
_RUNS = newest_first("started_at", "id")
_LETTERS = newest_first("set_aside_at", "id")


def health_router(
    service: str, version: str, probes: Probes, *, details: Details | None = None, clock: Clock | None = None
) -> Router:
    """Return `health` (200 when healthy or degraded, else 503) and `health/detailed`.

    Args:
        service: its name in the path.
        version: of the service.
        probes: the checks that decide the status.
        details: additional facts from the service: pool usage, lags, queue depths.
        clock: for the timestamp.
    """
    router = Router(prefix=f"/{service}", tags=["health"])
    now = (clock or SystemClock()).now

    def health() -> dict[str, Any]:
        return {
            "status": probes.status,
            "timestamp": now(),
            "service": service,
            "version": version,
            "checks": probes.answer()["checks"],
        }

    @router.get("/health", summary="Health of this service", responses={503: {"model": ServiceHealth}})
    async def health_brief(response: Response) -> ServiceHealth:
        found = ServiceHealth.model_validate(health())
        response.status_code = status_code(found.status)
        return found

    @router.get(
        "/health/detailed",
        summary="Health of this service in detail",
        responses={503: {"model": DetailedHealth}},
    )
    async def health_detailed(_: _Reader, response: Response) -> DetailedHealth:
        occupied = rss_bytes()
        own = {
            "uptime_s": round(time.monotonic() - _STARTED_S, 1),
            "memory": {"rss_bytes": occupied, "rss_bytes_max": max(occupied, _rss_bytes_max())},
            "versions": {"python": platform.python_version()}
            | {name: version_of(name) for name in ("fastapi", "faststream", "aiokafka", "asyncpg")},
        }
        found = DetailedHealth.model_validate(health() | own | await _safe_details(details))
        response.status_code = status_code(found.status)
        return found

    return router


def status_code(status: HealthStatus) -> int:
    """Return 200 for healthy or degraded, else 503."""
    return 503 if status == "unhealthy" else 200


async def _safe_details(details: Details | None) -> dict[str, Any]:
    """Return the service's details; an error in them must not fail the whole page."""
    try:
        return dict(await details()) if details else {}
    except Transient as error:
        return {"incomplete": describe(error)}


class JobRun(BaseModel):
    """A run of a job."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    job: str
    cause: str
    subject: str | None
    started_at: datetime
    ended_at: datetime | None
    outcome: jobs.Outcome
    counts: dict[str, int]
    retries: int
    error: str | None


def jobs_router(service: str, db: Querier) -> Router:
    """Return `jobs`: every run of every job, newest first."""
    router = Router(prefix=f"/{service}", tags=["jobs"])

    @router.get("/jobs", summary="Job runs, newest first")
    async def list_runs(
        _: _Reader,
        limit: Limit = 100,
        cursor: Cursor = None,
        job: Annotated[str | None, Query(max_length=200)] = None,
        outcome: jobs.Outcome | None = None,
    ) -> Page[JobRun]:
        found = await jobs.page(db, job=job, outcome=outcome, before=_RUNS.after(cursor), limit=limit + 1)
        return _RUNS.page(found, limit, JobRun.model_validate, getattr)

    return router


class RetryRequest(BaseModel):
    """Selects the dead letters to retry: those that match every given criterion; at least one is required."""

    model_config = ConfigDict(extra="forbid")

    ids: list[UUID] | None = Field(default=None, min_length=1, max_length=500)
    type: str | None = Field(default=None, max_length=200)
    reason: str | None = Field(default=None, max_length=200)
    older_than_s: float | None = Field(default=None, ge=0, le=AGE_S_MAX)

    @model_validator(mode="after")
    def _not_everything_by_accident(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give ids, type, reason or older_than_s; older_than_s 0 selects all")
        return self


class RetryAnswer(BaseModel):
    """The result of a retry."""

    retried: int
    failed: int


class DeadLetterListed(BaseModel):
    """A quarantined record, without its content."""

    id: UUID
    source: str
    topic: str
    """Its topic, or the name of the source of its body."""
    partition: int
    kafka_offset: int
    event_id: str | None
    subjects: list[str]
    """Every article that it may be about."""
    type: str | None
    reason: str
    detail: str
    set_aside_at: datetime
    retries: int
    resolved_at: datetime | None
    resolution: str | None
    kept: bool
    """Its bytes are still stored, so it can be retried."""


def dlq_router(service: str, letters: DeadLetters) -> Router:
    """Return `GET dlq` and `POST dlq/retry`, for operators: the reason of a record may be confidential to readers."""
    router = Router(prefix=f"/{service}", tags=["dead letters"])

    @router.get("/dlq", summary="Quarantined records, without their content")
    async def list_dead_letters(
        _: _Operator,
        *,
        limit: Limit = 100,
        cursor: Cursor = None,
        event_type: Annotated[str | None, Query(alias="type", max_length=200)] = None,
        reason: Annotated[str | None, Query(max_length=200)] = None,
        older_than_s: Annotated[float | None, Query(ge=0, le=AGE_S_MAX)] = None,
        resolved: Annotated[bool, Query(description="Include resolved records")] = False,
    ) -> Page[DeadLetterListed]:
        which = DeadLetterFilter(None, event_type, reason, older_than_s, resolved)
        found = await letters.list(which, _LETTERS.after(cursor), limit + 1)
        return _LETTERS.page(found, limit, lambda item: DeadLetterListed.model_validate(dict(item)))

    @router.post("/dlq/retry", summary="Retry quarantined records, with the same checks as any other record")
    async def retry_dead_letters(_: _Operator, request: RetryRequest) -> RetryAnswer:
        ids = tuple(request.ids) if request.ids else None
        which = DeadLetterFilter(ids, request.type, request.reason, request.older_than_s)
        outcome = await letters.retry(which)
        return RetryAnswer(retried=outcome.retried, failed=outcome.failed)

    return router


def rss_bytes() -> int:
    """Return the memory that this process uses now; its peak where the system does not report that."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return _rss_bytes_max()
    return pages * resource.getpagesize()


def _rss_bytes_max() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
