"""Instants in queries and bodies: UTC, and far enough from the calendar's limits for arithmetic."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

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
