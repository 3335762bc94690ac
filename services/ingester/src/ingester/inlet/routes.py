"""The ingester's paths."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from clawback_common import incidents
from clawback_common.http.auth import Caller, require
from clawback_common.http.paging import (
    Cursor,
    Limit,
    decode_cursor,
    decode_newest_first,
    encode_cursor,
    page,
)
from clawback_common.http.probes import Check
from clawback_common.http.problem import Problem
from clawback_common.http.routing import Router
from clawback_common.telemetry import traceparent
from ingester import flow
from ingester.domain.article import deliveries as numbered
from ingester.flow import SUBMISSIONS, Service
from ingester.inlet import deliveries, jobs
from ingester.inlet.bodies import judge
from ingester.inlet.feeds.poll import Feed
from ingester.inlet.reading import Reader, reading
from ingester.inlet.webhooks import WebhookSecrets
from ingester.state import articles, feeds
from ingester.state import deliveries as stored_answers

Upstream = Annotated[Caller, Depends(require("upstream"))]
Operator = Annotated[Caller, Depends(require("operator", "officer"))]
Officer = Annotated[Caller, Depends(require("officer"))]
Poller = Annotated[Caller, Depends(require("poller", "operator", "officer"))]
"""Compliance, whose run drains the feeds of revocations; it may do nothing else here."""


class Closing(BaseModel):
    """Why an incident may be closed."""

    note: str = Field(min_length=3, max_length=1_000)


def routers(
    service: Service, by_name: Mapping[str, Feed], secrets: WebhookSecrets, obeyed: Check
) -> list[Router]:
    """All of them, to be mounted under ``/api/v1``."""
    return [
        *reading(service, obeyed),
        _submitting(service, secrets),
        _feeding(service, by_name),
        _minding(service),
    ]


def _submitting(service: Service, secrets: WebhookSecrets) -> Router:
    router = Router(tags=["submissions"])

    @router.post("/submissions", status_code=202, summary="Hand in one article or up to 500")
    async def submit(
        request: Request,
        caller: Upstream,
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    ) -> Any:
        body = await request.body()
        sha256 = hashlib.sha256(body).digest()
        if idempotency_key:
            known = await stored_answers.answered(service.db, caller.subject, idempotency_key)
            if known is not None and known.body_sha256 != sha256:
                raise Problem(409, "This Idempotency-Key was used for another body.")
            if known is not None:
                return known.answer
        now = service.clock.now()
        providers = sorted(caller.providers)
        judged = judge(body, providers)
        judged = judged.without(await articles.too_old(service.db, judged.accepted, now))
        answer = judged.answer()

        async def remember(tx: Any) -> None:
            if idempotency_key:
                await stored_answers.answer(tx, caller.subject, idempotency_key, sha256, answer, now)

        refused = [
            deliveries.refused_as_bad(f"http:{caller.subject}", sha256.hex()[:16], one)
            for one in judged.refused
            if one.raw is not None
        ]
        trace = traceparent()
        incoming = numbered(((article, trace) for article in judged.accepted), now)
        await flow.store(
            service, incoming, door=SUBMISSIONS, bad=refused, providers=providers, beside=[remember]
        )
        return answer

    @router.post("/webhooks/{provider}", status_code=202, summary="A partner pushes (Standard Webhooks)")
    async def webhook(
        request: Request, provider: Annotated[str, Path(pattern=r"^[a-z0-9-]{1,32}$")]
    ) -> JSONResponse:
        unverified = secrets.claimed(provider, request.headers, service.clock.now())
        status, answer = await deliveries.take(service, provider, unverified, await request.body())
        return JSONResponse(answer, status)

    return router


def _feeding(service: Service, by_name: Mapping[str, Feed]) -> Router:
    router = Router(tags=["feeds"])

    @router.get("/feeds", summary="Every feed: state, since when, cursor, last pass")
    async def list_feeds(_: Reader) -> Any:
        rows = await feeds.all_feeds(service.db)
        return page([{**dict(row), "configured": row["name"] in by_name} for row in rows])

    @router.post(
        "/feeds/{name}/poll", summary="Drain a feed now, or join the pass that does; answers when it is done"
    )
    async def poll(_: Poller, name: str) -> Any:
        feed = _feed(by_name, name)
        result = await jobs.poll_recorded(feed, service, "request")
        if result.error:
            raise Problem(502, f"The provider failed: {result.error}", extra={"poll_id": str(result.poll_id)})
        return {"poll_id": result.poll_id, "noticed": result.noticed, "caught_up": result.caught_up}

    @router.post("/feeds/{name}/resume", status_code=204, summary="Poll a stopped feed again")
    async def resume(_: Operator, name: str) -> None:
        _feed(by_name, name)
        if not await feeds.resume(service.db, name, service.clock.now()):
            raise Problem(409, "This feed is not stopped.")

    @router.get("/admin/api-calls", summary="Calls to providers, newest first")
    async def calls(_: Reader, limit: Limit = 100, cursor: Cursor = None) -> Any:
        before = int(decode_cursor(cursor, int)[0]) if cursor else 2**63 - 1
        rows = await feeds.calls_page(service.db, before, limit + 1)
        items = [dict(row) for row in rows[:limit]]
        return page(items, encode_cursor(items[-1]["id"]) if len(rows) > limit else None)

    return router


def _minding(service: Service) -> Router:
    router = Router(prefix="/ingester", tags=["incidents"])

    @router.get("/incidents", summary="What waits for a person, newest first")
    async def list_incidents(
        _: Reader, *, limit: Limit = 100, cursor: Cursor = None, closed: bool = False
    ) -> Any:
        before, before_id = decode_newest_first(cursor)
        rows = await incidents.page(
            service.db, closed_too=closed, before=before, before_id=before_id, limit=limit + 1
        )
        items = [dict(row) for row in rows[:limit]]
        more = len(rows) > limit
        return page(
            items, encode_cursor(items[-1]["opened_at"].isoformat(), str(items[-1]["id"])) if more else None
        )

    @router.post(
        "/incidents/{incident_id}/close", summary="A person has looked; what was withheld is released"
    )
    async def close(caller: Officer, incident_id: UUID, closing: Closing) -> Any:
        closed = await flow.close_incident(service, incident_id, caller.subject, closing.note)
        if closed is None:
            raise Problem(404, "There is no such open incident.")
        return dict(closed)

    return router


def _feed(by_name: Mapping[str, Feed], name: str) -> Feed:
    feed = by_name.get(name)
    if feed is None:
        raise Problem(404, "There is no such feed; GET /api/v1/feeds lists them.")
    return feed
