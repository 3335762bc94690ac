"""The analytics that readers ask for. Each counts what may be held now: nothing revoked, withheld or embargoed."""

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
from analytics.storage.rollups import Counted, Narrowed
from analytics.use_cases import Service
from clawback_common.errors import Transient
from clawback_common.http.paging import (
    Cursor,
    Limit,
    Page,
    bad_cursor,
    decode_cursor,
    decode_newest_first,
    encode_cursor,
    next_by_time,
)
from clawback_common.http.problem import Problem, field_error
from clawback_common.http.routing import Router

PRINTED = r"^[^\x00-\x1f\x7f]+$"
BIGINT_END = 2**63
FIRST_DAY, LAST_DAY = date.min, date.max
Compute = Callable[[], Awaitable[list[Counted]]]


async def narrowed(
    since: Annotated[date, Query(alias="from", description="The first day, in UTC")] = FIRST_DAY,
    until: Annotated[date, Query(alias="to", description="The last day, included")] = LAST_DAY,
    language: Annotated[
        str | None, Query(max_length=35, pattern=PRINTED, description="BCP 47, exactly as the article says")
    ] = None,
    source: Annotated[
        str | None, Query(max_length=500, pattern=PRINTED, description="The source's key at its provider")
    ] = None,
    licence: Annotated[
        str | None,
        Query(
            alias="license", max_length=500, pattern=PRINTED, description="The name of one of its licences"
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Items")] = 20,
) -> Narrowed:
    """What the question says; 422 when its days are the wrong way round."""
    if since > until:
        raise Problem(
            422, "'from' is after 'to'.", errors=[field_error("from", "after_to", "Must not be after 'to'")]
        )
    return Narrowed(since, until, language, source, licence, limit)


Asked = Annotated[Narrowed, Depends(narrowed)]


def queries(service: Service) -> list[Router]:
    """All that is read."""
    return [_counts(service), _runs(service), _cache(service)]


def _counts(service: Service) -> Router:
    """Nothing is answered before the orders that were there at the start are obeyed."""

    async def every_order_is_obeyed() -> None:
        await service.orders_applied()

    router = Router(prefix="/analytics", tags=["analytics"], dependencies=[Depends(every_order_is_obeyed)])

    @router.get("/topics", summary="Topics with most articles")
    async def topics(_: Reader, asked: Asked, cursor: Cursor = None) -> Topics:
        counted, following = await _values(service, "topics", TOPIC, asked, cursor)
        items = [TopicCount(topic=text, group=label, **rest) for text, label, rest in counted]
        return Topics(items=items, next_cursor=following)

    @router.get("/sources", summary="Sources with most articles")
    async def sources(_: Reader, asked: Asked, cursor: Cursor = None) -> Sources:
        counted, following = await _values(service, "sources", SOURCE, asked, cursor)
        items = [SourceCount(source=text, name=label, **rest) for text, label, rest in counted]
        return Sources(items=items, next_cursor=following)

    @router.get("/timeline", summary="The newest days that have articles")
    async def timeline(_: Reader, asked: Asked, cursor: Cursor = None) -> Timeline:
        more = _before(asked, cursor)._replace(limit=asked.limit + 1)
        rows = await _kept(service, "timeline", more, lambda: rollups.days(service.db, more))
        items = [
            DayCount(day=day, articles=articles, words=words) for day, articles, words in rows[: asked.limit]
        ]
        following = encode_cursor(items[-1].day.isoformat()) if len(rows) > asked.limit else None
        return Timeline(items=items, next_cursor=following)

    return router


def _runs(service: Service) -> Router:
    router = Router(prefix="/analytics", tags=["runs"])

    @router.get("/runs", summary="Compliance runs as they ended, newest first")
    async def list_runs(_: Reader, limit: Limit = 20, cursor: Cursor = None) -> Page[RunEnded]:
        rows = await runs.page(service.db, decode_newest_first(cursor), limit + 1)
        items = [RunEnded.model_validate(dict(row)) for row in rows[:limit]]
        return Page(items=items, next_cursor=next_by_time(rows, limit, "ended_at", "run_id"))

    return router


def _cache(service: Service) -> Router:
    router = Router(tags=["cache"])

    @router.get("/cache/stats", summary="Hits and misses of this process, and how many answers are kept")
    async def stats(_: Reader) -> CacheStats:
        tried = service.cache.tried
        try:
            keys = await service.cache.keys() if service.cache.enabled else None
        except Transient:
            keys = None
        return CacheStats(
            enabled=service.cache.enabled,
            available=keys is not None,
            hits=tried.hits,
            misses=tried.misses,
            failures=tried.failures,
            hit_rate=tried.hit_rate,
            keys=keys,
        )

    return router


def _before(asked: Narrowed, cursor: str | None) -> Narrowed:
    """The question about the days before a page's last one."""
    if cursor is None:
        return asked
    try:
        last = date.fromisoformat(decode_cursor(cursor, str)[0])
        return asked._replace(until=min(asked.until, last - timedelta(days=1)))
    except (ValueError, OverflowError):
        raise bad_cursor() from None


async def _values(
    service: Service, what: str, dimension: int, asked: Narrowed, cursor: str | None
) -> tuple[list[tuple[str, str | None, dict[str, int]]], str | None]:
    """Text, label and counts, and the next cursor. The text is looked up for every answer: it stands in one place."""
    after = _line(cursor)
    more = asked._replace(limit=asked.limit + 1)
    kind = f"{what}:{cursor}" if cursor else what
    rows = await _kept(service, kind, more, lambda: rollups.values(service.db, dimension, more, after))
    shown = rows[: asked.limit]
    following = encode_cursor(shown[-1][1], shown[-1][0]) if len(rows) > asked.limit else None
    said = await values.texts(service.db, [row[0] for row in shown])
    counted = [
        (*said[number], {"articles": articles, "words": words})
        for number, articles, words in shown
        if number in said
    ]
    return counted, following


def _line(cursor: str | None) -> Counted | None:
    """The last line of the page before."""
    if cursor is None:
        return None
    articles, number = decode_cursor(cursor, int, int)
    if not 0 <= articles < BIGINT_END or not 0 <= number < BIGINT_END:
        raise bad_cursor()
    return Counted(number, articles, 0)


async def _kept(service: Service, what: str, asked: Narrowed, compute: Compute) -> list[list[Any]]:
    """The answer from the cache, else computed and kept under the mark that was true before."""
    if not service.cache.enabled:
        return [list(row) for row in await compute()]
    mark, question = await rollups.mark(service.db), (what, *asked)
    kept = await service.cache.get(mark, question)
    if kept is None:
        kept = [list(row) for row in await compute()]
        await service.cache.put(mark, question, kept)
    return kept
