"""Read requests: articles for readers and for holders that missed some, revoked ids, feeds, calls."""

from clawback_common.http.paging import Cursor, Keyset, Limit, Page
from clawback_common.http.routing import Router
from ingester.entrypoints.http.articles import articles_router
from ingester.entrypoints.http.callers import Counting, Inspecting, Reader
from ingester.entrypoints.http.export import export_router
from ingester.entrypoints.http.schemas import (
    ApiCall,
    ArticleRevokedListed,
    FeedListed,
)
from ingester.entrypoints.http.search import search_router
from ingester.storage import articles, feeds
from ingester.use_cases.service import Service

BY_ID = Keyset(article_id="")
CALLS = Keyset(id=2**63 - 1)


def queries(service: Service) -> list[Router]:
    """Returns the routes of all read requests."""
    return [
        search_router(service),
        export_router(service),
        articles_router(service),
        _ids(service),
        _feeds(service),
    ]


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
