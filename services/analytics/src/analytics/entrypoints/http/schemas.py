"""The responses of analytics' API."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field


class ValueCount(BaseModel):
    """A value of a dimension and its counts."""

    value: str
    label: str | None
    articles: int
    words: int


class TopicCount(BaseModel):
    """A topic and its counts."""

    topic: str = Field(validation_alias="value")
    group: str | None = Field(validation_alias="label")
    articles: int
    words: int


class SourceCount(BaseModel):
    """A source, by its key at its provider and by its name, and its counts."""

    source: str = Field(validation_alias="value")
    name: str | None = Field(validation_alias="label")
    articles: int
    words: int


class DayCount(BaseModel):
    """A day, in UTC, and the counts of the articles published on it."""

    day: date
    articles: int
    words: int


class RunEnded(BaseModel):
    """A run of compliance's daily check and its results; the counts are null if it failed."""

    run_id: UUID
    started_at: datetime
    ended_at: datetime
    completed: bool
    mock: bool
    noticed: int | None
    closed: int | None
    open: int | None
    overdue: int | None


class CacheStats(BaseModel):
    """The cache statistics of this process since its start."""

    enabled: bool
    available: bool
    hits: int
    misses: int
    failures: int
    hit_rate: float | None
    keys: int | None


class CacheCleared(BaseModel):
    """The number of deleted answers."""

    removed: int
