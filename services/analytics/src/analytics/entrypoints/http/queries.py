"""The read endpoints. Counts include only articles that may be held now: not revoked, withheld or embargoed."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, timedelta
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Query
from pydantic import BaseModel

from analytics.domain.dimensions import DIMENSIONS
from analytics.entrypoints.http.callers import Reader
from analytics.entrypoints.http.schemas import (
    CacheStats,
    DayCount,
    RunEnded,
    SourceCount,
    TopicCount,
    ValueCount,
)
from analytics.storage import rollups, runs, values
from analytics.storage.rollups import Counted, CountFilter
from analytics.use_cases.service import Service
from clawback_common.errors import Transient
from clawback_common.http.paging import Cursor, Keyset, Limit, Page, bad_cursor, newest_first, page
from clawback_common.http.problem import Problem, field_error
from clawback_common.http.routing import Router

PRINTED = r"^[^\x00-\x1f\x7f]+$"
RUNS = newest_first("ended_at", "run_id")
DAYS = Keyset(day=date.max)
COUNTS = Keyset(articles=0, value_id=0)
FIRST_DAY, LAST_DAY = date.min, date.max
Compute = Callable[[], Awaitable[list[Counted]]]


class CountRoute(NamedTuple):
    """The route of a dimension."""

    dimension: str
    """The name of an entry in the table of dimensions, and the last part of the path."""
    answer: type[BaseModel] = Page[ValueCount]
    """With the fields of ``ValueCount``, under these names or others."""


ROUTES = (CountRoute("topics", Page[TopicCount]), CountRoute("sources", Page[SourceCount]))
"""The dimensions that the API answers."""


async def count_filter(
    since: Annotated[date, Query(alias="from", description="First day, in UTC")] = FIRST_DAY,
    until: Annotated[date, Query(alias="to", description="Last day, inclusive")] = LAST_DAY,
    language: Annotated[
        str | None, Query(max_length=35, pattern=PRINTED, description="BCP 47 tag, exactly as in the article")
    ] = None,
    source: Annotated[
        str | None, Query(max_length=500, pattern=PRINTED, description="The source's key at its provider")
    ] = None,
    licence: Annotated[
        str | None,
        Query(alias="license", max_length=500, pattern=PRINTED, description="Name of one of its licences"),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Items")] = 20,
) -> CountFilter:
    """Parses the filter; 422 if the first day is after the last."""
    if since > until:
        raise Problem(
            422, "'from' is after 'to'.", errors=[field_error("from", "after_to", "Must not be after 'to'")]
        )
    return CountFilter(since, until, language, source, licence, limit)


Filters = Annotated[CountFilter, Depends(count_filter)]


def queries(service: Service) -> list[Router]:
    """Returns the routers of all reads."""
    return [_counts(service), _runs(service), _cache(service)]


def _counts(service: Service) -> Router:
    """No query is answered before the orders that were on the topic at start-up are applied."""

    async def require_orders_applied() -> None:
        await service.orders_applied()

    router = Router(prefix="/analytics", tags=["analytics"], dependencies=[Depends(require_orders_applied)])
    for name, answer in ROUTES:
        router.add_api_route(
            f"/{name}",
            _values_of(service, name),
            response_model=answer,
            summary=f"{name.capitalize()} with the most articles",
            name=name,
        )

    @router.get("/timeline", summary="Newest days with articles")
    async def timeline(_: Reader, filters: Filters, cursor: Cursor = None) -> Page[DayCount]:
        more = _before(filters, cursor)._replace(limit=filters.limit + 1)
        rows = await _cached(service, "timeline", more, lambda: rollups.days(service.db, more))
        return DAYS.page(
            rows, filters.limit, lambda row: DayCount(day=row[0], articles=row[1], words=row[2]), _key
        )

    return router


def _runs(service: Service) -> Router:
    router = Router(prefix="/analytics", tags=["runs"])

    @router.get("/runs", summary="Completed and failed compliance runs, newest first")
    async def list_runs(_: Reader, limit: Limit = 20, cursor: Cursor = None) -> Page[RunEnded]:
        rows = await runs.page(service.db, RUNS.after(cursor), limit + 1)
        return RUNS.page(rows, limit, lambda row: RunEnded.model_validate(dict(row)))

    return router


def _cache(service: Service) -> Router:
    router = Router(tags=["cache"])

    @router.get(
        "/cache/stats", summary="Cache hits and misses of this process, and the number of cached answers"
    )
    async def stats(_: Reader) -> CacheStats:
        counts = service.cache.counts
        try:
            keys = await service.cache.keys() if service.cache.enabled else None
        except Transient:
            keys = None
        return CacheStats(
            enabled=service.cache.enabled,
            available=keys is not None,
            hits=counts.hits,
            misses=counts.misses,
            failures=counts.failures,
            hit_rate=counts.hit_rate,
            keys=keys,
        )

    return router


def _before(filters: CountFilter, cursor: str | None) -> CountFilter:
    """Returns the filter for the days before the last one of a page."""
    if cursor is None:
        return filters
    try:
        return filters._replace(until=min(filters.until, DAYS.after(cursor)[0] - timedelta(days=1)))
    except OverflowError:
        raise bad_cursor() from None


def _values_of(service: Service, name: str) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Returns the endpoint of a dimension. Texts are read for each answer, because they are stored only once."""
    dimension = DIMENSIONS[name]

    async def counts(_: Reader, filters: Filters, cursor: Cursor = None) -> dict[str, Any]:
        after = _last_row(cursor)
        more = filters._replace(limit=filters.limit + 1)
        kind = f"{name}:{cursor}" if cursor else name
        rows = await _cached(service, kind, more, lambda: rollups.values(service.db, dimension, more, after))
        shown = rows[: filters.limit]
        texts = await values.texts(service.db, [row[0] for row in shown])
        items = [
            {"value": texts[number][0], "label": texts[number][1], "articles": articles, "words": words}
            for number, articles, words in shown
            if number in texts
        ]
        return page(items, COUNTS.cursor(shown[-1], _key) if len(rows) > filters.limit else None)

    return counts


def _key(row: Sequence[Any], column: str) -> Any:
    """Reads a column of a key: a row begins with its value or its day, and its number of articles."""
    return row[1] if column == "articles" else row[0]


def _last_row(cursor: str | None) -> Counted | None:
    """The last row of the previous page."""
    if cursor is None:
        return None
    articles, number = COUNTS.after(cursor)
    return Counted(number, articles, 0)


async def _cached(service: Service, what: str, filters: CountFilter, compute: Compute) -> list[list[Any]]:
    """Returns the answer from the cache.

    Otherwise computes it and caches it under the version read before computing.
    """
    if not service.cache.enabled:
        return [list(row) for row in await compute()]
    version, question = await rollups.cache_version(service.db), (what, *filters)
    cached = await service.cache.get(version, question)
    if cached is None:
        cached = [list(row) for row in await compute()]
        await service.cache.put(version, question, cached)
    return cached
