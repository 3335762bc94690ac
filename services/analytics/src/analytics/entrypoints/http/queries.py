"""The read endpoints. Counts include only articles that may be held now: not revoked, withheld or embargoed."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import Depends, Query

from analytics.domain.facets import SOURCE, TOPIC
from analytics.entrypoints.http.callers import Reader
from analytics.entrypoints.http.schemas import (
    CacheStats,
    DayCount,
    RunEnded,
    SourceCount,
    Sources,
    Timeline,
    TopicCount,
    Topics,
)
from analytics.storage import rollups, runs, values
from analytics.storage.rollups import Counted, CountFilter
from analytics.use_cases.service import Service
from clawback_common.errors import Transient
from clawback_common.http.paging import Cursor, Keyset, Limit, Page, bad_cursor, newest_first
from clawback_common.http.problem import Problem, field_error
from clawback_common.http.routing import Router

PRINTED = r"^[^\x00-\x1f\x7f]+$"
RUNS = newest_first("ended_at", "run_id")
DAYS = Keyset(day=date.max)
COUNTS = Keyset(articles=0, value_id=0)
FIRST_DAY, LAST_DAY = date.min, date.max
Compute = Callable[[], Awaitable[list[Counted]]]


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

    @router.get("/topics", summary="Topics with the most articles")
    async def topics(_: Reader, filters: Filters, cursor: Cursor = None) -> Topics:
        counted, following = await _values(service, "topics", TOPIC, filters, cursor)
        items = [TopicCount(topic=text, group=label, **rest) for text, label, rest in counted]
        return Topics(items=items, next_cursor=following)

    @router.get("/sources", summary="Sources with the most articles")
    async def sources(_: Reader, filters: Filters, cursor: Cursor = None) -> Sources:
        counted, following = await _values(service, "sources", SOURCE, filters, cursor)
        items = [SourceCount(source=text, name=label, **rest) for text, label, rest in counted]
        return Sources(items=items, next_cursor=following)

    @router.get("/timeline", summary="Newest days with articles")
    async def timeline(_: Reader, filters: Filters, cursor: Cursor = None) -> Timeline:
        more = _before(filters, cursor)._replace(limit=filters.limit + 1)
        rows = await _cached(service, "timeline", more, lambda: rollups.days(service.db, more))
        items = [
            DayCount(day=day, articles=articles, words=words)
            for day, articles, words in rows[: filters.limit]
        ]
        following = DAYS.cursor({"day": items[-1].day}) if len(rows) > filters.limit else None
        return Timeline(items=items, next_cursor=following)

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


async def _values(
    service: Service, what: str, dimension: int, filters: CountFilter, cursor: str | None
) -> tuple[list[tuple[str, str | None, dict[str, int]]], str | None]:
    """Returns text, label and counts, and the next cursor.

    Texts are read for each answer: they are stored only once.
    """
    after = _last_row(cursor)
    more = filters._replace(limit=filters.limit + 1)
    kind = f"{what}:{cursor}" if cursor else what
    rows = await _cached(service, kind, more, lambda: rollups.values(service.db, dimension, more, after))
    shown = rows[: filters.limit]
    following = (
        COUNTS.cursor({"articles": shown[-1][1], "value_id": shown[-1][0]})
        if len(rows) > filters.limit
        else None
    )
    texts = await values.texts(service.db, [row[0] for row in shown])
    counted = [
        (*texts[number], {"articles": articles, "words": words})
        for number, articles, words in shown
        if number in texts
    ]
    return counted, following


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
