"""Reads of articles: lists, one by its id, several by their ids."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import Depends, Header, Path, Query
from fastapi.responses import Response
from typing_extensions import override

from clawback_common.http.moments import Moment
from clawback_common.http.paging import Cursor, Fields, Keyset, Limit, bad_cursor, page, project
from clawback_common.http.problem import Problem, existing, field_error
from clawback_common.http.routing import Router
from clawback_common.postgres.pool import Row
from clawback_common.retention.purging import SENT_KEPT
from clawback_contracts.envelope import ArticleId
from ingester.domain.selection import Selection
from ingester.entrypoints.http.callers import Reader
from ingester.entrypoints.http.filters import Selected
from ingester.entrypoints.http.schemas import (
    ArticleBatch,
    ArticleIds,
    ArticleNotRead,
    ArticlePage,
    ArticleRead,
    Sample,
    Unreadable,
)
from ingester.storage import articles, listing
from ingester.storage.listing import ChangeFeed
from ingester.use_cases.service import Service

OneId = Annotated[ArticleId, Path()]
PAGE_BYTES_MAX = 4 * 1024 * 1024
"""A page ends with the article that reaches this size, whatever the limit; the cursor continues after it."""
ARTICLE_FIELDS = tuple(ArticleRead.model_fields)
PublishedAfter = Annotated[
    Moment | None,
    Query(
        description="Only articles published on articles.v1 after this time, in the order of their last "
        "publication; at most 30 days back. For a holder that was offline: the time of the last record "
        "that it read, minus a few minutes for clock differences. Repeated articles are folded by "
        "`version`. Not together with filters."
    ),
]
IfNoneMatch = Annotated[str | None, Header(max_length=1000, description="`ETag` of an earlier response")]


class Positions(Keyset):
    """Positions in one list; a cursor names its list, so no other list accepts it."""

    def __init__(self, name: str, **start: datetime | int | str) -> None:
        super().__init__(list=name, **start)
        self._name = name

    @override
    def after(self, cursor: str | None) -> tuple[Any, ...]:
        name, *position = super().after(cursor)
        if name != self._name:
            raise bad_cursor()
        return tuple(position)

    def at(self, **position: object) -> str:
        """Returns the cursor of a position."""
        return self.cursor({"list": self._name} | position)


CHANGES = Positions("changes", change_no=0)
BATCH = Positions("batch", number=0)


def readable_only(service: Service) -> Router:
    """Returns a router whose routes are served once the orders from the start are applied."""

    async def require_orders_applied() -> None:
        await service.orders_applied()

    return Router(tags=["articles"], dependencies=[Depends(require_orders_applied)])


def articles_router(service: Service) -> Router:
    """Returns the routes with articles."""
    router = readable_only(service)
    _lists(router, service)
    _by_id(router, service)
    return router


def _lists(router: Router, service: Service) -> None:
    feed = ChangeFeed(service.db)

    @router.get(
        "/articles",
        summary="Readable articles in the order of their last change, or of their publication",
        response_model=ArticlePage,
    )
    async def list_articles(
        _: Reader,
        fields: Fields,
        selection: Selected,
        limit: Limit = 100,
        cursor: Cursor = None,
        published_after: PublishedAfter = None,
    ) -> Response:
        if published_after is None:
            found = await _by_change(service, feed, selection, cursor, limit)
        else:
            _refuse_filters(selection)
            found = await _by_publication(service, published_after, cursor, limit)
        return raw_json(found | {"items": project(found["items"], fields, ARTICLE_FIELDS)})

    @router.get(
        "/articles/sample",
        summary="A random sample of ids of readable articles",
    )
    async def sample(_: Reader, limit: Limit = 100) -> Sample:
        rows = await articles.sample(service.db, limit)
        return Sample.model_validate({"items": [dict(row) for row in rows]})


def _by_id(router: Router, service: Service) -> None:
    @router.get(
        "/articles/{article_id}",
        summary="One article; 410 with the reason if it was revoked or deleted by age",
        response_model=ArticleRead,
        responses={304: {"description": "Readable, and not changed since the response with this `ETag`"}},
    )
    async def one_article(_: Reader, article_id: OneId, if_none_match: IfNoneMatch = None) -> Response:
        row = existing(await articles.one(service.db, article_id), "There is no such article.")
        if row["state"] != "live" or row["document"] is None:
            raise _not_readable(row)
        headers = {"ETag": f'W/"{row["version"]}.{row["order_no"]}"'}
        if _matches(if_none_match, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return raw_json(as_item(row), headers)

    @router.post(
        "/articles/batch",
        summary="Up to 500 articles by their ids; for each id that is not readable the reason",
        response_model=ArticleBatch,
    )
    async def read_batch(_: Reader, wanted: ArticleIds, cursor: Cursor = None) -> Response:
        (start,) = BATCH.after(cursor)
        article_ids = list(dict.fromkeys(wanted.article_ids))[start:]
        rows = await listing.read(service.db, article_ids, PAGE_BYTES_MAX)
        more = len(rows) < len(article_ids)
        items = [as_item(row) for row in rows if row["document"] is not None]
        others = [_not_read(row).model_dump() for row in rows if row["document"] is None]
        return raw_json(
            page(items, BATCH.at(number=start + len(rows)) if more else None) | {"others": others}
        )


def _not_read(row: Row) -> ArticleNotRead:
    """Returns why an article of a batch is not readable, with the same distinctions as for one article."""
    article_id = row["requested_id"]
    match row["state"]:
        case "revoked":
            return ArticleNotRead(
                article_id=article_id,
                state=Unreadable.REVOKED,
                reason=row["reason"],
                revoked_at=row["ordered_at"],
                order=row["order_no"],
            )
        case "live" if row["too_old"]:
            return ArticleNotRead(article_id=article_id, state=Unreadable.DELETED)
        case "withheld":
            return ArticleNotRead(article_id=article_id, state=Unreadable.WITHHELD)
        case _:
            return ArticleNotRead(article_id=article_id, state=Unreadable.UNKNOWN)


def _matches(if_none_match: str | None, etag: str) -> bool:
    """Returns whether the header names this version, compared weakly (RFC 9110)."""
    named = {one.strip().removeprefix("W/") for one in (if_none_match or "").split(",")}
    return "*" in named or etag.removeprefix("W/") in named


def _refuse_filters(selection: Selection) -> None:
    if not selection.is_everything:
        words = "Filters do not apply to publications: leave out `published_after`."
        raise Problem(422, words, errors=[field_error("published_after", "not_with_filters", words)])


async def _by_change(
    service: Service, feed: ChangeFeed, selection: Selection, cursor: str | None, limit: int
) -> dict[str, Any]:
    """Returns a page; ``resume_cursor`` is the position up to which the list was read."""
    (after,) = CHANGES.after(cursor)
    found = await feed.page(selection, after, limit + 1)
    wanted = found.rows[:limit]
    rows = await listing.read(service.db, [row["article_id"] for row in wanted], PAGE_BYTES_MAX)
    ended = len(rows) == len(found.rows)
    last = found.examined_to if ended else wanted[len(rows) - 1]["change_no"]
    resumed = CHANGES.at(change_no=max(after, found.committed_to) if last is None else last)
    items = [as_item(row) for row in rows if row["document"] is not None]
    return page(items, None if last is None else resumed) | {"resume_cursor": resumed}


async def _by_publication(
    service: Service, since: datetime, cursor: str | None, limit: int
) -> dict[str, Any]:
    """Skips publications whose article was published again since, or is not readable."""
    if since < service.clock.now() - SENT_KEPT:
        words = (
            f"Publications are recorded for {SENT_KEPT.days} days: read all articles, without "
            "published_after."
        )
        raise Problem(422, words, errors=[field_error("published_after", "too_long_ago", words)])
    publications = Positions("publications", sent_at=since, id=2**63 - 1)
    after, after_id = publications.after(cursor)
    rows = await articles.published_page(service.db, max(since, after), after_id, limit, PAGE_BYTES_MAX)
    more = rows and rows[-1]["followed"]
    items = [as_item(row) for row in rows if row["article_id"] is not None]
    position = {"sent_at": rows[-1]["sent_at"], "id": rows[-1]["id"]} if more else {}
    return page(items, publications.at(**position) if more else None)


def as_item(row: Row) -> Mapping[str, Any]:
    """Returns an article for the response; its document is JSON already."""
    known = {name: row[name] for name in ARTICLE_FIELDS if name not in {"document", "after_order"}}
    return {**known, "after_order": row["order_no"], "document": orjson.Fragment(row["document"])}


def raw_json(body: Mapping[str, Any] | Sequence[Any], headers: Mapping[str, str] | None = None) -> Response:
    """Returns a response without validation: articles are megabytes, and were validated when they arrived."""
    return Response(orjson.dumps(body), headers=dict(headers or {}), media_type="application/json")


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
