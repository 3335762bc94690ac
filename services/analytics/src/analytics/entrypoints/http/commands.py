"""What compliance and operators ask: holdings, incidents, the cache."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from analytics import use_cases
from analytics.entrypoints.http.callers import Officer, Operator, Reader
from analytics.storage import runs
from analytics.use_cases import Service
from clawback_common.errors import Transient
from clawback_common.http.incidents import incidents_page
from clawback_common.http.paging import Cursor, Limit, Page, decode_newest_first, next_by_time
from clawback_common.http.problem import Problem
from clawback_common.http.routing import Router
from clawback_common.http.schemas import Incident, IncidentNote
from clawback_contracts.holder.v1 import Holding, HoldingsAnswer, HoldingsQuestion


class RunEnded(BaseModel):
    """A run of compliance's daily check, as it ended; its counts are null where it failed."""

    run_id: UUID
    started_at: datetime
    ended_at: datetime
    completed: bool
    mock: bool
    noticed: int | None
    closed: int | None
    open: int | None
    overdue: int | None


class CacheStats(BaseModel):
    """How the cache does, as this process sees it since it started."""

    enabled: bool
    available: bool
    hits: int
    misses: int
    failures: int
    hit_rate: float | None
    keys: int | None


def minding(service: Service) -> list[Router]:
    """All of them."""
    return [_holding(service), _incidents(service), _cache(service)]


def _holding(service: Service) -> Router:
    router = Router(prefix="/analytics", tags=["holdings"])

    @router.post("/holdings", summary="Are these ids held? Asked of what is counted, and of the quarantine")
    async def holdings(_: Reader, question: HoldingsQuestion) -> HoldingsAnswer:
        held, applied = await use_cases.holdings(service, question.article_ids)
        items = {one: Holding.HELD if one in held else Holding.GONE for one in question.article_ids}
        return HoldingsAnswer(items=items, orders=applied)

    @router.get("/runs", summary="Compliance runs as they ended, newest first")
    async def list_runs(_: Reader, limit: Limit = 20, cursor: Cursor = None) -> Page[RunEnded]:
        rows = await runs.page(service.db, decode_newest_first(cursor), limit + 1)
        items = [RunEnded.model_validate(dict(row)) for row in rows[:limit]]
        return Page(items=items, next_cursor=next_by_time(rows, limit, "ended_at", "run_id"))

    return router


def _incidents(service: Service) -> Router:
    router = Router(prefix="/analytics", tags=["incidents"])

    @router.get("/incidents", summary="What waits for a person, newest first")
    async def list_incidents(
        _: Reader, *, limit: Limit = 100, cursor: Cursor = None, closed: bool = False
    ) -> Page[Incident]:
        return await incidents_page(service.db, cursor, limit, closed=closed)

    @router.post(
        "/incidents/{incident_id}/close", summary="A person has looked; what was withheld is counted again"
    )
    async def close(caller: Officer, incident_id: UUID, closing: IncidentNote) -> Incident:
        closed = await use_cases.close_incident(service, incident_id, caller.subject, closing.note)
        if closed is None:
            raise Problem(404, "There is no such open incident.")
        return Incident.model_validate(dict(closed))

    return router


def _cache(service: Service) -> Router:
    router = Router(tags=["cache"])

    @router.get("/cache/stats", summary="Hits and misses of this process, and how many answers are kept")
    async def stats(_: Reader) -> CacheStats:
        tried = service.cache.tried
        try:
            keys = await service.cache.keys() if service.cache.enabled else None
        except Transient:
            keys = None
        return CacheStats(
            enabled=service.cache.enabled,
            available=keys is not None,
            hits=tried.hits,
            misses=tried.misses,
            failures=tried.failures,
            hit_rate=tried.hit_rate,
            keys=keys,
        )

    @router.post("/admin/cache/clear", summary="Forget every kept answer")
    async def clear(_: Operator) -> dict[str, int]:
        return {"removed": await service.cache.clear()}

    return router
