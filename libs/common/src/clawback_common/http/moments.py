"""Instants in queries and bodies: UTC, and far enough from the calendar's limits for arithmetic."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def _aware(given: datetime) -> datetime:
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def _bounded(given: datetime) -> datetime:
    if not EARLIEST <= given <= LATEST:
        raise ValueError("an instant between 1900 and 2200 is expected")
    return given.astimezone(UTC)


AwareMoment = Annotated[
    AwareDatetime, AfterValidator(_bounded), Field(description="An instant with its offset")
]
Moment = Annotated[
    datetime,
    AfterValidator(_aware),
    AfterValidator(_bounded),
    Field(description="An instant; UTC where it names no offset"),
]


def _day_or_moment(given: object) -> date | datetime:
    is_day = isinstance(given, str) and len(given) <= len("2026-01-31")
    try:
        found: date | datetime = (_DAY if is_day else _MOMENT).validate_python(given)
    except ValidationError:
        raise ValueError(_EXPECTED) from None
    if is_day and not EARLIEST.date() <= found <= LATEST.date():
        raise ValueError(_EXPECTED)
    return found


_EXPECTED = "a day or an instant between 1900 and 2200 is expected"
_DAY: TypeAdapter[date] = TypeAdapter(date)
_MOMENT: TypeAdapter[date] = TypeAdapter(Moment)
DayOrMoment = Annotated[
    date | datetime,
    PlainValidator(_day_or_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "format": one} for one in ("date", "date-time")]}),
]
"""A day, or an instant; UTC where it names no offset."""


def beginning(given: date) -> datetime:
    """Return the start of a day in UTC, or the instant."""
    return given if isinstance(given, datetime) else datetime.combine(given, time(), UTC)


def ending(given: date) -> datetime:
    """Return the end of a day in UTC, exclusive, or the instant."""
    return given if isinstance(given, datetime) else beginning(given) + timedelta(days=1)
