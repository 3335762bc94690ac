"""Read requests: articles for readers and for holders that missed some, revoked ids, feeds, calls."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import Depends, Path, Query
from fastapi.responses import Response

from clawback_common.http.moments import Moment
from clawback_common.http.paging import Cursor, Fields, Keyset, Limit, Page, page, project
from clawback_common.http.problem import Problem, existing, field_error
from clawback_common.http.routing import Router
from clawback_common.postgres.pool import Row
from clawback_common.retention.purging import SENT_KEPT
from clawback_contracts.envelope import ArticleId
from ingester.entrypoints.http.callers import Counting, Inspecting, Reader
from ingester.entrypoints.http.schemas import (
    ApiCall,
    ArticleListed,
    ArticleRead,
    ArticleRevokedListed,
    FeedListed,
    Sample,
)
from ingester.storage import articles, feeds
from ingester.use_cases.service import Service

OneId = Annotated[ArticleId, Path()]
BY_ID = Keyset(article_id="")
CALLS = Keyset(id=2**63 - 1)
PAGE_BYTES_MAX = 4 * 1024 * 1024
"""A page ends with the article that reaches this size, whatever the limit; the cursor continues after it."""
ARTICLE_FIELDS = tuple(ArticleRead.model_fields)
PublishedAfter = Annotated[
    Moment | None,
    Query(
        description="Only articles published on articles.v1 after this time, in the order of their last "
        "publication; at most 30 days back. For a holder that was offline: the time of the last record "
        "that it read, minus a few minutes for clock differences. Repeated articles are folded by "
        "`version`."
    ),
]


def queries(service: Service) -> list[Router]:
    """Returns the routes of all read requests; articles are served once the orders from the start are applied."""
    return [_texts(service), _ids(service), _feeds(service)]


def _texts(service: Service) -> Router:
    async def require_orders_applied() -> None:
        await service.orders_applied()

    router = Router(tags=["articles"], dependencies=[Depends(require_orders_applied)])

    @router.get(
        "/articles",
        summary="Readable articles, by id or in the order of their publication",
        response_model=Page[ArticleListed],
    )
    async def list_articles(
        _: Reader,
        fields: Fields,
        limit: Limit = 100,
        cursor: Cursor = None,
        published_after: PublishedAfter = None,
    ) -> Response:
        if published_after is None:
            items, following = await _by_id(service, cursor, limit)
        else:
            items, following = await _by_publication(service, published_after, cursor, limit)
        return _json(page(project(items, fields, ARTICLE_FIELDS), following))

    @router.get(
        "/articles/sample",
        summary="A random sample of ids of readable articles",
    )
    async def sample(_: Reader, limit: Limit = 100) -> Sample:
        rows = await articles.sample(service.db, limit)
        return Sample.model_validate({"items": [dict(row) for row in rows]})

    @router.get(
        "/articles/{article_id}",
        summary="One article; 410 with the reason if it was revoked or deleted by age",
        response_model=ArticleRead,
    )
    async def one_article(_: Reader, article_id: OneId) -> Response:
        row = existing(await articles.one(service.db, article_id), "There is no such article.")
        if row["state"] == "live" and row["document"] is not None:
            return _json(_read(row))
        raise _not_readable(row)

    return router


async def _by_id(
    service: Service, cursor: str | None, limit: int
) -> tuple[list[Mapping[str, Any]], str | None]:
    rows = await articles.page(service.db, BY_ID.after(cursor)[0], limit, PAGE_BYTES_MAX)
    more = rows and rows[-1]["followed"]
    return [_read(row) for row in rows], BY_ID.cursor(rows[-1]) if more else None


async def _by_publication(
    service: Service, since: datetime, cursor: str | None, limit: int
) -> tuple[list[Mapping[str, Any]], str | None]:
    """Skips publications whose article was published again since, or is not readable."""
    if since < service.clock.now() - SENT_KEPT:
        words = (
            f"Publications are recorded for {SENT_KEPT.days} days: read all articles, without "
            "published_after."
        )
        raise Problem(422, words, errors=[field_error("published_after", "too_long_ago", words)])
    publications = Keyset(sent_at=since, id=2**63 - 1)
    after, after_id = publications.after(cursor)
    rows = await articles.published_page(service.db, max(since, after), after_id, limit, PAGE_BYTES_MAX)
    more = rows and rows[-1]["followed"]
    items = [_read(row) for row in rows if row["article_id"] is not None]
    return items, publications.cursor(rows[-1]) if more else None


def _read(row: Row) -> Mapping[str, Any]:
    """Returns an article for the response; its document is JSON already."""
    known = {name: row[name] for name in ARTICLE_FIELDS if name not in {"document", "after_order"}}
    return {**known, "after_order": row["order_no"], "document": orjson.Fragment(row["document"])}


def _json(body: Mapping[str, Any] | Sequence[Any]) -> Response:
    """Returns a response without validation: articles are megabytes, and were validated when they arrived."""
    return Response(orjson.dumps(body), media_type="application/json")


def _not_readable(row: Row) -> Problem:
    """Returns why a known article is not readable."""
    match row["state"]:
        case "revoked":
            extra = {"reason": row["reason"], "revoked_at": row["ordered_at"], "order": row["order_no"]}
            return Problem(410, "This article was revoked and must not be held.", extra=extra)
        case "live" if row["too_old"]:
            return Problem(
                410,
                "This article is older than the retention period; its content was deleted.",
                extra={"reason": "retention", "retention_date": row["retention_date"]},
            )
        case "withheld":
            return Problem(404, "This article is withheld until a decision on it.")
        case _:
            return Problem(404, "There is no such readable article.")


def _ids(service: Service) -> Router:
    router = Router(tags=["articles"])

    @router.get("/revoked", summary="Revoked ids, by id")
    async def list_revoked(
        _: Reader, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[ArticleRevokedListed]:
        rows = await articles.revoked_page(service.db, BY_ID.after(cursor)[0], limit + 1)
        return BY_ID.page(rows, limit, lambda row: ArticleRevokedListed.model_validate(dict(row)))

    @router.get("/admin/articles/stats", summary="Articles by state")
    async def stats(_: Counting) -> dict[str, int]:
        return await articles.counts(service.db)

    return router


def _feeds(service: Service) -> Router:
    router = Router(tags=["feeds"])

    @router.get("/feeds", summary="All feeds: state and since when, cursor, last poll")
    async def list_feeds(_: Reader) -> Page[FeedListed]:
        rows = await feeds.all_feeds(service.db)
        items = [
            FeedListed.model_validate({**row, "configured": row["name"] in service.feeds}) for row in rows
        ]
        return Page(items=items)

    @router.get("/admin/api-calls", summary="Calls to providers, the newest first")
    async def calls(_: Inspecting, limit: Limit = 100, cursor: Cursor = None) -> Page[ApiCall]:
        rows = await feeds.calls_page(service.db, CALLS.after(cursor)[0], limit + 1)
        return CALLS.page(rows, limit, lambda row: ApiCall.model_validate(dict(row)))

    return router
