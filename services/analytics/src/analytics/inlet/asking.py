"""The analytics that readers ask for. Each counts what may be held now: nothing revoked, withheld or embargoed."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel

from analytics.domain.facets import SOURCE, TOPIC
from analytics.flow import Service
from analytics.inlet.callers import Reader
from analytics.state import rollups, values
from analytics.state.rollups import Counted, Narrowed
from clawback_common.http.probes import Check
from clawback_common.http.problem import Problem, field_error
from clawback_common.http.routing import Router

PRINTED = r"^[^\x00-\x1f\x7f]+$"
FIRST_DAY, LAST_DAY = date.min, date.max
Compute = Callable[[], Awaitable[list[Counted]]]


class TopicCount(BaseModel):
    """A topic, and how much there is under it."""

    topic: str
    group: str | None
    articles: int
    words: int


class SourceCount(BaseModel):
    """A source, by its key at its provider and by its name."""

    source: str
    name: str | None
    articles: int
    words: int


class DayCount(BaseModel):
    """A day, in UTC, by when the articles were published."""

    day: date
    articles: int
    words: int


class Topics(BaseModel):
    """Topics with most articles first."""

    items: list[TopicCount]
    next_cursor: None = None


class Sources(BaseModel):
    """Sources with most articles first."""

    items: list[SourceCount]
    next_cursor: None = None


class Timeline(BaseModel):
    """The newest days that have articles, newest first."""

    items: list[DayCount]
    next_cursor: None = None


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


def asking(service: Service, obeyed: Check) -> Router:
    """The paths; nothing is answered before the orders that were there at the start are obeyed."""

    async def every_order_is_obeyed() -> None:
        await obeyed()

    router = Router(prefix="/analytics", tags=["analytics"], dependencies=[Depends(every_order_is_obeyed)])

    @router.get("/topics", summary="Topics with most articles")
    async def topics(_: Reader, asked: Asked) -> Topics:
        counted = await _values(service, "topics", TOPIC, asked)
        return Topics(items=[TopicCount(topic=text, group=label, **rest) for text, label, rest in counted])

    @router.get("/sources", summary="Sources with most articles")
    async def sources(_: Reader, asked: Asked) -> Sources:
        counted = await _values(service, "sources", SOURCE, asked)
        return Sources(items=[SourceCount(source=text, name=label, **rest) for text, label, rest in counted])

    @router.get("/timeline", summary="The newest days that have articles")
    async def timeline(_: Reader, asked: Asked) -> Timeline:
        rows = await _kept(service, "timeline", asked, lambda: rollups.days(service.db, asked))
        return Timeline(
            items=[DayCount(day=day, articles=articles, words=words) for day, articles, words in rows]
        )

    return router


async def _values(
    service: Service, what: str, dimension: int, asked: Narrowed
) -> list[tuple[str, str | None, dict[str, int]]]:
    """Text, label and counts. The text is looked up for every answer: it stands in one place, and may be gone."""
    rows = await _kept(service, what, asked, lambda: rollups.values(service.db, dimension, asked))
    said = await values.texts(service.db, [row[0] for row in rows])
    return [
        (*said[number], {"articles": articles, "words": words})
        for number, articles, words in rows
        if number in said
    ]


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
