"""The search of articles by their words and values. Queries are never logged: they may name persons."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from html import escape
from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import Response

from clawback_common.http.paging import Cursor, Fields, Limit, page, project
from clawback_common.http.problem import Problem, field_error
from clawback_common.http.routing import Router
from clawback_common.postgres.pool import Row
from ingester.domain.query import FIELDS, QUERY_CHARS_MAX, InvalidQuery, Node, parse
from ingester.domain.query import Query as Parsed
from ingester.domain.selection import Selection
from ingester.entrypoints.http import articles
from ingester.entrypoints.http.articles import Positions, as_item, raw_json, readable_only
from ingester.entrypoints.http.callers import Reader
from ingester.entrypoints.http.filters import Selected
from ingester.entrypoints.http.schemas import ArticleFound, ArticlesFound
from ingester.storage import listing, search
from ingester.use_cases.service import Service

FOUND_FIELDS = tuple(ArticleFound.model_fields)
FOUND = Positions("search", retention_date=datetime.max.replace(tzinfo=UTC), article_id="")
Words = Annotated[
    str,
    Query(
        min_length=1,
        max_length=QUERY_CHARS_MAX,
        description='Words and "phrases" with AND, OR, NOT and parentheses; `field:value` and ranges such as '
        f"`wordCount:[100 TO *]`. Fields: {', '.join(FIELDS)}",
    ),
]


class Sort(StrEnum):
    """The order of matches."""

    DATE = "date"
    """The newest first, by retention date."""
    RELEVANCE = "relevance"
    """The best of the newest 5,000 matches first, on one page."""


def search_router(service: Service) -> Router:
    """Returns the route of the search."""
    router = readable_only(service)

    @router.get(
        "/articles/search",
        summary="Readable articles that match a query",
        response_model=ArticlesFound,
    )
    async def find(
        _: Reader,
        fields: Fields,
        selection: Selected,
        q: Words,
        limit: Limit = 100,
        cursor: Cursor = None,
        *,
        sort: Sort = Sort.DATE,
        snippets: Annotated[bool, Query(description="With an excerpt of each article")] = False,
    ) -> Response:
        query = _parsed(q)
        selection = selection.within(query.ranges)
        rows = await _matches(service, query.node, selection, sort, cursor, limit)
        items, following = await _found(service, rows, limit, sort)
        if snippets:
            items = await _with_snippets(service, query.node, items)
        return raw_json(page(project(items, fields, FOUND_FIELDS), following))

    return router


def _parsed(text: str) -> Parsed:
    try:
        return parse(text)
    except InvalidQuery as error:
        words = f"{error.message} (character {error.position})."
        raise Problem(
            422, words, errors=[field_error("q", error.code, words)], extra={"position": error.position}
        ) from None


async def _matches(
    service: Service, node: Node, selection: Selection, sort: Sort, cursor: str | None, limit: int
) -> list[Row]:
    """Returns the ids of a page, and of one match more if there is one."""
    match sort:
        case Sort.DATE:
            return await search.newest(service.db, node, selection, FOUND.after(cursor), limit + 1)
        case Sort.RELEVANCE if cursor:
            words = "The best matches are one page: leave out `cursor`."
            raise Problem(422, words, errors=[field_error("cursor", "not_with_relevance", words)])
        case Sort.RELEVANCE:
            return await search.ranked(service.db, node, selection, limit)


async def _found(
    service: Service, found: Sequence[Row], limit: int, sort: Sort
) -> tuple[list[dict[str, Any]], str | None]:
    """Returns the articles of a page up to its size, and the cursor that continues."""
    wanted = found[:limit]
    article_ids = [row["article_id"] for row in wanted]
    rows = await listing.read(service.db, article_ids, articles.PAGE_BYTES_MAX)
    items = [dict(as_item(row)) for row in rows if row["document"] is not None]
    if len(rows) == len(found) or sort is Sort.RELEVANCE:
        return items, None
    return items, FOUND.at(**dict(wanted[len(rows) - 1]))


async def _with_snippets(
    service: Service, node: Node, items: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    article_ids = [item["article_id"] for item in items]
    found = await search.snippets(service.db, node, article_ids)
    return [item | {"snippet": _marked(found.get(item["article_id"], ""))} for item in items]


def _marked(snippet: str) -> str:
    """Returns an excerpt as HTML that has no other elements than its marks."""
    start, stop = search.HIGHLIGHT
    return escape(snippet, quote=False).replace(start, "<em>").replace(stop, "</em>")
