"""The export of all readable articles as lines of JSON."""

from collections.abc import AsyncIterator

import orjson
from fastapi.responses import JSONResponse, Response, StreamingResponse

from clawback_common.http.paging import Cursor
from clawback_common.http.routing import Router
from ingester.domain.selection import Selection
from ingester.entrypoints.http import articles
from ingester.entrypoints.http.articles import CHANGES, as_item, readable_only
from ingester.entrypoints.http.callers import Reader
from ingester.entrypoints.http.filters import Selected
from ingester.entrypoints.http.schemas import ArticleExported
from ingester.storage import listing
from ingester.storage.listing import ChangeFeed
from ingester.use_cases.service import Service

BATCH_MAX = 100
"""Articles that are in memory at the same time; fewer if they are large."""


class Lines(JSONResponse):
    """One JSON object per line."""

    media_type = "application/x-ndjson"


def export_router(service: Service) -> Router:
    """Returns the route of the export."""
    router, feed = readable_only(service), ChangeFeed(service.db)

    @router.get(
        "/articles/export",
        summary="All readable articles, one per line, in the order of their last change",
        description="If the response breaks off, the `cursor` of the last complete line continues after it.",
        response_model=ArticleExported,
        response_class=Lines,
    )
    async def export(_: Reader, selection: Selected, cursor: Cursor = None) -> Response:
        (after,) = CHANGES.after(cursor)
        return StreamingResponse(_lines(service, feed, selection, after), media_type=Lines.media_type)

    return router


async def _lines(
    service: Service, feed: ChangeFeed, selection: Selection, after: int | None
) -> AsyncIterator[bytes]:
    """Yields the lines of a batch before the next one is read."""
    while after is not None:
        found = await feed.page(selection, after, BATCH_MAX)
        wanted = {row["article_id"]: row["change_no"] for row in found.rows}
        rows = await listing.read(service.db, list(wanted), articles.PAGE_BYTES_MAX)
        for row in rows:
            if row["document"] is not None:
                position = CHANGES.at(change_no=wanted[row["requested_id"]])
                yield orjson.dumps({**as_item(row), "cursor": position}, option=orjson.OPT_APPEND_NEWLINE)
        ended = len(rows) == len(wanted) < BATCH_MAX
        after = found.examined_to if ended else wanted[rows[-1]["requested_id"]]
