"""The responses of analytics' API."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel


class TopicCount(BaseModel):
    """A topic and its counts."""

    topic: str
    group: str | None
    articles: int
    words: int


class SourceCount(BaseModel):
    """A source, by its key at its provider and by its name, and its counts."""

    source: str
    name: str | None
    articles: int
    words: int


class DayCount(BaseModel):
    """A day, in UTC, and the counts of the articles published on it."""

    day: date
    articles: int
    words: int


class Topics(BaseModel):
    """Topics with the most articles first."""

    items: list[TopicCount]
    next_cursor: str | None = None


class Sources(BaseModel):
    """Sources with the most articles first."""

    items: list[SourceCount]
    next_cursor: str | None = None


class Timeline(BaseModel):
    """The newest days with articles, newest first."""

    items: list[DayCount]
    next_cursor: str | None = None


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
