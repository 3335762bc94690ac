"""The incident endpoints of every service: list open incidents and close them."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import Depends

from clawback_common.http.auth import Caller, reader, require
from clawback_common.http.paging import Cursor, Limit, Page, newest_first
from clawback_common.http.problem import existing
from clawback_common.http.routing import Router
from clawback_common.http.schemas import Incident, IncidentNote
from clawback_common.messaging import incidents
from clawback_common.postgres import Querier
from clawback_common.postgres.pool import Row

Close = Callable[[UUID, str, str], Awaitable[Row | None]]
"""Closes an incident; gets the caller and the note. Returns None when there is no such open incident."""
_Reader = Annotated[Caller, Depends(reader())]
_Officer = Annotated[Caller, Depends(require("officer"))]
_NEWEST_FIRST = newest_first("opened_at", "id")


def incidents_router(service: str, db: Querier, close: Close) -> Router:
    """Return the router with `incidents` and `incidents/{incident_id}/close`."""
    router = Router(prefix=f"/{service}", tags=["incidents"])

    @router.get("/incidents", summary="Incidents that a person must close, newest first")
    async def list_incidents(
        _: _Reader, *, limit: Limit = 100, cursor: Cursor = None, closed: bool = False
    ) -> Page[Incident]:
        before, before_id = _NEWEST_FIRST.after(cursor)
        rows = await incidents.page(
            db, closed_too=closed, before=before, before_id=before_id, limit=limit + 1
        )
        return _NEWEST_FIRST.page(rows, limit, lambda row: Incident.model_validate(dict(row)))

    @router.post("/incidents/{incident_id}/close", summary="Close an incident and release what it withholds")
    async def close_incident(caller: _Officer, incident_id: UUID, body: IncidentNote) -> Incident:
        closed = existing(
            await close(incident_id, caller.subject, body.note), "There is no open incident with this id."
        )
        return Incident.model_validate(dict(closed))

    return router
