"""The read endpoints. Counts include only articles that may be held now: not revoked, withheld or embargoed."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from analytics.domain.dimensions import DIMENSIONS, Dimension
from analytics.domain.filters import CountFilter
from analytics.entrypoints.http import geojson
from analytics.entrypoints.http.callers import Reader
from analytics.entrypoints.http.filters import Filters, Text
from analytics.entrypoints.http.schemas import (
    AuthorCount,
    Bucket,
    CacheStats,
    CompanyCount,
    EntityCount,
    IntervalCount,
    LicenceCount,
    LocationCount,
    NumberDistribution,
    RecentArticle,
    RunEnded,
    SourceCount,
    TagCount,
    TopicCount,
)
from analytics.storage import facets, runs
from analytics.storage.rollups import Counted, Interval
from analytics.use_cases import answers
from analytics.use_cases.answers import Group
from analytics.use_cases.service import Service
from clawback_common.errors import Transient
from clawback_common.http.formats import CSV_RESPONSE, Accept, Format, JsonOrCsv, preferred
from clawback_common.http.paging import Cursor, Keyset, Limit, Page, newest_first
from clawback_common.http.problem import Problem, field_error
from clawback_common.http.routing import Router
from clawback_common.postgres.pool import Row

LATEST = datetime.max.replace(tzinfo=UTC)
RUNS = newest_first("ended_at", "run_id")
INTERVALS = Keyset(start=LATEST)
COUNTS = Keyset(articles=0, value_id=0)
SOURCES = Keyset(articles=0, source="")
RECENT = Keyset(published_at=LATEST, article_id="~")  # sorts after every id


class Chosen(NamedTuple):
    """The dimension that a request asks for."""

    dimension: Dimension
    label: str | None = None
    """Only values with this label."""


def only(name: str) -> Callable[[], Awaitable[Chosen]]:
    """Returns the parameters of a route that has one dimension: none."""

    async def chosen() -> Chosen:
        return Chosen(DIMENSIONS[name])

    return chosen


async def of_group(
    group: Annotated[Text | None, Query(description="Only topics of this group")] = None,
) -> Chosen:
    """The parameters of topics."""
    return Chosen(DIMENSIONS["topics"], group)


async def of_type(
    kind: Annotated[Text | None, Query(alias="type", description="Only entities of this type")] = None,
) -> Chosen:
    """The parameters of entities."""
    return Chosen(DIMENSIONS["entities"], kind)


async def company_by(by: Literal["name", "symbol", "isin"] = "name") -> Chosen:
    """The parameters of companies."""
    return Chosen(DIMENSIONS[{"name": "companies", "symbol": "symbols", "isin": "isins"}[by]])


async def location_by(by: Literal["country", "region", "point"] = "country") -> Chosen:
    """The parameters of locations."""
    return Chosen(DIMENSIONS[{"country": "countries", "region": "regions", "point": "points"}[by]])


class CountRoute(NamedTuple):
    """A route that lists the values of a dimension."""

    path: str
    item: type[BaseModel]
    """With the fields of ``ValueCount``, under these names or others."""
    chosen: Callable[..., Awaitable[Chosen]]
    summary: str


ROUTES = (
    CountRoute("topics", TopicCount, of_group, "Topics with the most articles"),
    CountRoute("sources", SourceCount, only("sources"), "Sources with the most articles"),
    CountRoute("authors", AuthorCount, only("authors"), "Authors with the most articles"),
    CountRoute("licenses", LicenceCount, only("licenses"), "Licences with the most articles"),
    CountRoute("entities", EntityCount, of_type, "Entities named in the most articles"),
    CountRoute("companies", CompanyCount, company_by, "Companies named in the most articles"),
    CountRoute("tags", TagCount, only("tags"), "Tags with the most articles"),
)
"""The dimensions of which the API lists the values."""


def queries(service: Service) -> list[Router]:
    """Returns the routers of all reads."""
    return [_counts(service), _articles(service), _runs(service), _cache(service)]


def _router(service: Service) -> Router:
    """No query is answered before the orders that were on the topic at start-up are applied."""

    async def require_orders_applied() -> None:
        await service.orders_applied()

    return Router(prefix="/analytics", tags=["analytics"], dependencies=[Depends(require_orders_applied)])


def _counts(service: Service) -> Router:
    router = _router(service)
    for route in ROUTES:
        router.add_api_route(
            f"/{route.path}",
            _values_of(service, route),
            response_model=Page[route.item],  # type: ignore[name-defined]
            responses=CSV_RESPONSE,
            summary=route.summary,
            name=route.path,
        )
    for name, summary in (
        ("word_count", "Distribution of the number of words"),
        ("sentiment", "Distribution of the provider's sentiment score, in hundredths"),
    ):
        router.add_api_route(
            f"/{name}",
            _distribution_of(service, name),
            response_model=Page[NumberDistribution],
            responses=CSV_RESPONSE,
            summary=summary,
            name=name,
        )
    _locations(router, service)
    _timeline(router, service)
    return router


def _values_of(service: Service, route: CountRoute) -> Callable[..., Awaitable[Response]]:
    async def counts(
        _: Reader,
        filters: Filters,
        chosen: Annotated[Chosen, Depends(route.chosen)],
        wanted: JsonOrCsv,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Response:
        page = await _top(service, route.item, chosen, filters, limit, cursor)
        return wanted.response(page, route.item)

    return counts


async def _top(
    service: Service,
    item: type[BaseModel],
    chosen: Chosen,
    filters: CountFilter,
    limit: int,
    cursor: str | None,
) -> Page[Any]:
    """Returns a page of the values with the most articles."""
    after = None
    if cursor is not None:
        articles, value_id = COUNTS.after(cursor)
        after = Counted(value_id, articles, 0)
    top = await answers.top_values(service, chosen.dimension, filters, limit, chosen.label, after)
    items = [item.model_validate(value._asdict()) for value in top.items]
    following = COUNTS.cursor({"articles": top.last.articles, "value_id": top.last.key}) if top.last else None
    return Page(items=items, next_cursor=following)


async def _location_format(
    request: Request,
    name: Annotated[Literal["json", "csv", "geojson"] | None, Query(alias="format")] = None,
    accept: Accept = "",
) -> Format:
    return Format(name or preferred(accept), request)


def _locations(router: Router, service: Service) -> None:
    @router.get(
        "/locations",
        summary="Locations that the most articles are about",
        response_model=Page[LocationCount],
        responses=geojson.documented(CSV_RESPONSE),
    )
    async def locations(
        _: Reader,
        filters: Filters,
        chosen: Annotated[Chosen, Depends(location_by)],
        wanted: Annotated[Format, Depends(_location_format)],
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Response:
        page = await _top(service, LocationCount, chosen, filters, limit, cursor)
        if wanted.name != "geojson":
            return wanted.response(page, LocationCount)
        points = chosen.dimension.name == "points"
        return geojson.response(page.items, page.next_cursor, points=points)


def _timeline(router: Router, service: Service) -> None:
    @router.get(
        "/timeline",
        summary="Newest hours, days, weeks or months with articles",
        response_model=Page[IntervalCount],
        responses=CSV_RESPONSE,
    )
    async def timeline(
        _: Reader,
        filters: Filters,
        wanted: JsonOrCsv,
        interval: Interval = "day",
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Response:
        rows = await answers.timeline(service, _before(filters, cursor), interval, limit + 1)
        page = INTERVALS.page(
            rows,
            limit,
            lambda row: IntervalCount(start=row.key, articles=row.articles, words=row.words),
            lambda row, _: row.key,
        )
        return wanted.response(page, IntervalCount)


def _before(filters: CountFilter, cursor: str | None) -> CountFilter:
    """Returns the filter for what is before the last interval of a page."""
    if cursor is None:
        return filters
    return filters._replace(period=filters.period.before(INTERVALS.after(cursor)[0]))


def _distribution_of(service: Service, name: str) -> Callable[..., Awaitable[Response]]:
    async def distributions(
        _: Reader,
        filters: Filters,
        wanted: JsonOrCsv,
        interval: Annotated[
            Literal["day", "week", "month"] | None, Query(description="One distribution per interval")
        ] = None,
        by: Annotated[Literal["source"] | None, Query(description="One distribution per source")] = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Response:
        if interval and by:
            raise Problem(
                422,
                "Give 'interval' or 'by'.",
                errors=[field_error("by", "not_with_interval", "Not together with 'interval'")],
            )
        if by:
            after = SOURCES.after(cursor) if cursor else None
            groups = await answers.distributions(service, name, filters, limit + 1, by, after)
            page = SOURCES.page(groups, limit, _distribution, _source_place)
        else:
            before = _before(filters, cursor)
            groups = await answers.distributions(service, name, before, limit + 1, interval)
            page = INTERVALS.page(groups, limit, _distribution, lambda group, _: group.key)
        return wanted.response(page, NumberDistribution)

    return distributions


def _source_place(group: Group, column: str) -> Any:
    return group.key if column == "source" else group.distribution.articles


def _distribution(group: Group) -> NumberDistribution:
    found = group.distribution
    p10, p25, median, p75, p90 = found.quantiles
    return NumberDistribution(
        start=group.key if isinstance(group.key, datetime) else None,
        source=group.key if isinstance(group.key, str) else None,
        articles=found.articles,
        mean=found.mean,
        p10=p10,
        p25=p25,
        median=median,
        p75=p75,
        p90=p90,
        buckets=[Bucket.model_validate(bucket._asdict()) for bucket in found.buckets],
    )


def _articles(service: Service) -> Router:
    router = _router(service)

    @router.get(
        "/recent",
        summary="Articles that were published last",
        response_model=Page[RecentArticle],
        responses=CSV_RESPONSE,
    )
    async def recent(
        _: Reader, filters: Filters, wanted: JsonOrCsv, limit: Limit = 20, cursor: Cursor = None
    ) -> Response:
        rows = await facets.recent(service.db, filters, RECENT.after(cursor), limit + 1)
        return wanted.response(RECENT.page(rows, limit, _recent_article), RecentArticle)

    return router


def _recent_article(row: Row) -> RecentArticle:
    return RecentArticle(
        article_id=row["article_id"],
        published_at=row["published_at"],
        source=row["source"],
        language=row["language"] or None,
        licenses=row["licences"],
        words=row["words"],
        link=f"/api/v1/articles/{row['article_id']}",
    )


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
