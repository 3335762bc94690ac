"""The filters of lists of articles, as query parameters."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Depends, Query

from clawback_common.http.moments import DayOrMoment, beginning, ending
from clawback_common.http.problem import Problem, field_error
from ingester.domain.selection import Selection
from ingester.domain.terms import VALUE_CHARS_MAX, entity_term, term

T = TypeVar("T", float, datetime)
PRINTABLE = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
Value = Annotated[str | None, Query(min_length=1, max_length=VALUE_CHARS_MAX, pattern=PRINTABLE)]
Score = Annotated[float | None, Query(allow_inf_nan=False)]


async def _selection(
    since: Annotated[
        DayOrMoment | None, Query(alias="from", description="First day of publication in UTC, or an instant")
    ] = None,
    until: Annotated[
        DayOrMoment | None, Query(alias="to", description="Last day, inclusive, or an instant, exclusive")
    ] = None,
    source: Annotated[Value, Query(description="Key or name of the source")] = None,
    language: Annotated[
        str | None, Query(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35, description="BCP 47")
    ] = None,
    license_: Annotated[Value, Query(alias="license", description="Name of the licence")] = None,
    topic: Value = None,
    company: Annotated[Value, Query(description="Name, symbol or ISIN of a company in the article")] = None,
    entity: Annotated[
        str | None,
        Query(
            pattern=r"^[^\x00-\x1f\x7f:]+:[^\x00-\x1f\x7f]+$",
            max_length=VALUE_CHARS_MAX,
            description="`Type:value`",
        ),
    ] = None,
    place: Annotated[
        str | None, Query(pattern="^[A-Za-z]{2}$", description="Country code, ISO 3166-1 alpha-2")
    ] = None,
    sentiment_min: Score = None,
    sentiment_max: Score = None,
) -> Selection:
    begins, ends = beginning(since) if since else None, ending(until) if until else None
    _require_order("from", begins, "to", ends)
    _require_order("sentiment_min", sentiment_min, "sentiment_max", sentiment_max)
    named = {
        "source": source,
        "language": language,
        "licence": license_,
        "topic": topic,
        "company": company,
        "place": place,
    }
    return Selection(
        terms=tuple(_terms(named, entity)),
        since=begins,
        until=ends,
        sentiment_min=sentiment_min,
        sentiment_max=sentiment_max,
    )


Selected = Annotated[Selection, Depends(_selection)]
"""The filters of a list; an article must match all of them."""


def _terms(named: dict[str, str | None], entity: str | None) -> Iterator[str]:
    yield from (term(kind, value) for kind, value in named.items() if value is not None)
    if entity is not None:
        type_, _, value = entity.partition(":")
        yield entity_term(type_, value)


def _require_order(low_name: str, low: T | None, high_name: str, high: T | None) -> None:
    if low is not None and high is not None and low > high:
        words = f"`{low_name}` is after `{high_name}`."
        raise Problem(
            422, words, errors=[field_error(low_name, "out_of_order", f"Must not be after {high_name}")]
        )
