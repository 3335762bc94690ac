"""Answers to queries: counts, from the cache or the database."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from analytics.domain.dimensions import DIMENSIONS, TOTAL, Dimension
from analytics.domain.distribution import Distribution, distribution
from analytics.domain.filters import CountFilter
from analytics.storage import rollups, values
from analytics.storage.rollups import Counted, CountedNumber, Interval
from analytics.use_cases.service import Service

Rows = Sequence[Sequence[Any]]
GroupBy = Literal["source"] | Interval | None
SourceCursor = tuple[int, str]
"""The number of articles and the key of the last source of a page."""

BOUNDS = {
    "word_count": (100, 200, 300, 400, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000),
    "sentiment": (-1, -0.8, -0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6, 0.8, 1),
}
"""The bounds of the buckets of a distribution, by dimension."""


class ValueCounts(NamedTuple):
    """A value and its counts."""

    value: str
    label: str | None
    articles: int
    words: int


class TopValues(NamedTuple):
    """The values with the most articles."""

    items: list[ValueCounts]
    last: Counted | None
    """The row after which the list continues; None: it ends here."""


class Group(NamedTuple):
    """The distribution of a number over the articles of a group."""

    key: datetime | str | None
    """The start of an interval, or a source; None: all articles."""
    distribution: Distribution


async def top_values(
    service: Service,
    dimension: Dimension,
    filters: CountFilter,
    limit: int,
    label: str | None = None,
    after: Counted | None = None,
) -> TopValues:
    """Returns the values with the most articles, with this label if given, after a row if given.

    Texts are read for each answer, because they are stored only once; a value deleted meanwhile is omitted.
    """
    compute = partial(rollups.values, service.db, dimension, filters, limit + 1, label, after)
    question = ["values", *rollups.parameters(dimension, filters), label, *(after or ()), limit]
    rows = await _cached(service, filters, question, compute)
    shown = rows[:limit]
    texts = await values.texts(service.db, [row[0] for row in shown])
    items = [ValueCounts(*texts[number], *counts) for number, *counts in shown if number in texts]
    return TopValues(items, Counted._make(shown[-1]) if len(rows) > limit else None)


async def timeline(service: Service, filters: CountFilter, interval: Interval, limit: int) -> list[Counted]:
    """Returns the newest intervals with articles."""
    compute = partial(rollups.intervals, service.db, filters, interval, limit)
    question = ["timeline", *rollups.parameters(TOTAL, filters), interval, limit]
    rows = await _cached(service, filters, question, compute)
    return [Counted(_instant(start), articles, words) for start, articles, words in rows]


async def distributions(
    service: Service,
    name: str,
    filters: CountFilter,
    limit: int,
    group_by: GroupBy = None,
    after: SourceCursor | None = None,
) -> list[Group]:
    """Returns the distribution of a number, for each group of articles.

    Args:
        service: the service.
        name: of the dimension whose values are the numbers.
        filters: which articles are counted.
        limit: maximum number of groups.
        group_by: the newest intervals, or the sources with the most articles; None: all articles are one group.
        after: the last source of the previous page.
    """
    dimension = DIMENSIONS[name]
    match group_by:
        case None:
            compute = partial(rollups.numbers, service.db, dimension, filters)
        case "source":
            compute = partial(rollups.numbers_by_source, service.db, dimension, filters, limit, after)
        case interval:
            compute = partial(rollups.numbers_by_interval, service.db, dimension, filters, interval, limit)
    question = ["numbers", *rollups.parameters(dimension, filters), group_by, *(after or ()), limit]
    rows = [CountedNumber._make(row) for row in await _cached(service, filters, question, compute)]
    return [
        Group(key if group_by in {None, "source"} else _instant(key), _distribution(name, list(members)))
        for key, members in groupby(rows, key=attrgetter("group"))
    ]


def _distribution(name: str, rows: Sequence[CountedNumber]) -> Distribution:
    """Word counts are rounded, but their sum is known."""
    total = sum(row.words for row in rows) if name == "word_count" else None
    return distribution(((row.number, row.articles) for row in rows), BOUNDS[name], total)


def _instant(key: Any) -> datetime:
    """A cached row has it as text."""
    return datetime.fromisoformat(key) if isinstance(key, str) else key


async def _cached(
    service: Service,
    filters: CountFilter,
    question: Sequence[object],
    compute: Callable[[], Awaitable[Rows]],
) -> Rows:
    """Returns the rows from the cache.

    Otherwise computes them and caches them under the version read before computing. A period with ends within a day is
    always computed: an article that moves within its day changes no count, and so not the version.
    """
    if not service.cache.enabled or filters.period.ends:
        return await compute()
    version = await rollups.cache_version(service.db)
    cached = await service.cache.get(version, question)
    if cached is None:
        cached = [list(row) for row in await compute()]
        await service.cache.put(version, question, cached)
    return cached
