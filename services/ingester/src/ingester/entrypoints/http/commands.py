"""The ingester's paths."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from clawback_common.http.auth import Caller, reader, require
from clawback_common.http.incidents import incidents_page
from clawback_common.http.paging import (
    Cursor,
    Limit,
    Page,
    decode_cursor,
    encode_cursor,
)
from clawback_common.http.problem import Problem
from clawback_common.http.routing import Router
from clawback_common.http.schemas import Incident, IncidentNote
from ingester import use_cases
from ingester.entrypoints.http.queries import Reader, reading
from ingester.entrypoints.http.schemas import ApiCall, FeedListed, PollAnswer
from ingester.entrypoints.http.submissions import submitting
from ingester.entrypoints.http.webhooks import WebhookSecrets
from ingester.gateways.providers.port import Feed
from ingester.storage import feeds
from ingester.use_cases import Service
from ingester.use_cases.poll_runs import poll_recorded

Operator = Annotated[Caller, Depends(require("operator", "officer"))]
Officer = Annotated[Caller, Depends(require("officer"))]
Inspecting = Annotated[Caller, Depends(reader("operator", "officer"))]
"""Who may read what the provider answered."""
Poller = Annotated[Caller, Depends(require("poller", "operator", "officer"))]
"""Compliance, whose run drains the feeds of revocations; it may do nothing else here."""


def routers(service: Service, secrets: WebhookSecrets) -> list[Router]:
    """All of them, to be mounted under ``/api/v1``."""
    return [
        *reading(service, service.orders_applied),
        submitting(service, secrets),
        _feeding(service),
        _minding(service),
    ]


def _feeding(service: Service) -> Router:
    router = Router(tags=["feeds"])

    @router.get("/feeds", summary="Every feed: state, since when, cursor, last pass")
    async def list_feeds(_: Reader) -> Page[FeedListed]:
        rows = await feeds.all_feeds(service.db)
        items = [
            FeedListed.model_validate({**row, "configured": row["name"] in service.feeds}) for row in rows
        ]
        return Page(items=items)

    @router.post(
        "/feeds/{name}/poll", summary="Drain a feed now, or join the pass that does; answers when it is done"
    )
    async def poll(_: Poller, name: str) -> PollAnswer:
        feed = _feed(service, name)
        result = await poll_recorded(feed, service, "request")
        if result.error:
            raise Problem(502, f"The provider failed: {result.error}", extra={"poll_id": str(result.poll_id)})
        return PollAnswer(poll_id=result.poll_id, noticed=result.noticed, caught_up=result.caught_up)

    @router.post("/feeds/{name}/resume", status_code=204, summary="Poll a stopped feed again")
    async def resume(_: Operator, name: str) -> None:
        _feed(service, name)
        if not await feeds.resume(service.db, name, service.clock.now()):
            raise Problem(409, "This feed is not stopped.")

    @router.get("/admin/api-calls", summary="Calls to providers, newest first")
    async def calls(_: Inspecting, limit: Limit = 100, cursor: Cursor = None) -> Page[ApiCall]:
        before = int(decode_cursor(cursor, int)[0]) if cursor else 2**63 - 1
        rows = await feeds.calls_page(service.db, before, limit + 1)
        items = [ApiCall.model_validate(dict(row)) for row in rows[:limit]]
        return Page(items=items, next_cursor=encode_cursor(items[-1].id) if len(rows) > limit else None)

    return router


def _minding(service: Service) -> Router:
    router = Router(prefix="/ingester", tags=["incidents"])

    @router.get("/incidents", summary="What waits for a person, newest first")
    async def list_incidents(
        _: Reader, *, limit: Limit = 100, cursor: Cursor = None, closed: bool = False
    ) -> Page[Incident]:
        return await incidents_page(service.db, cursor, limit, closed=closed)

    @router.post(
        "/incidents/{incident_id}/close", summary="A person has looked; what was withheld is released"
    )
    async def close(caller: Officer, incident_id: UUID, closing: IncidentNote) -> Incident:
        closed = await use_cases.close_incident(service, incident_id, caller.subject, closing.note)
        if closed is None:
            raise Problem(404, "There is no such open incident.")
        return Incident.model_validate(dict(closed))

    return router


def _feed(service: Service, name: str) -> Feed:
    feed = service.feeds.get(name)
    if feed is None:
        raise Problem(404, "There is no such feed; GET /api/v1/feeds lists them.")
    return feed
