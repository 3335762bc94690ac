"""The query parameters that the analytics share."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import StringConstraints

from analytics.domain.filters import FIRST, LAST, CountFilter, Period
from clawback_common.http.moments import DayOrMoment, beginning, ending
from clawback_common.http.problem import Problem, field_error

PRINTED = r"^[^\x00-\x1f\x7f]+$"
Text = Annotated[str, StringConstraints(max_length=500, pattern=PRINTED)]


async def _filters(
    since: Annotated[
        DayOrMoment | None, Query(alias="from", description="First day of publication in UTC, or an instant")
    ] = None,
    until: Annotated[
        DayOrMoment | None, Query(alias="to", description="Last day, inclusive, or an instant, exclusive")
    ] = None,
    language: Annotated[
        str | None, Query(max_length=35, pattern=PRINTED, description="BCP 47 tag, exactly as in the article")
    ] = None,
    source: Annotated[Text | None, Query(description="The source's key at its provider")] = None,
    licence: Annotated[Text | None, Query(alias="license", description="Name of one of its licences")] = None,
) -> CountFilter:
    """Parses the filter; 422 if the period is empty."""
    period = Period(beginning(since) if since else FIRST, ending(until) if until else LAST)
    if period.since >= period.until:
        raise Problem(
            422, "'from' is after 'to'.", errors=[field_error("from", "after_to", "Must not be after 'to'")]
        )
    return CountFilter(period, language, source, licence)


Filters = Annotated[CountFilter, Depends(_filters)]
