"""What analytics answers over HTTP."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel


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
    next_cursor: str | None = None


class Sources(BaseModel):
    """Sources with most articles first."""

    items: list[SourceCount]
    next_cursor: str | None = None


class Timeline(BaseModel):
    """The newest days that have articles, newest first."""

    items: list[DayCount]
    next_cursor: str | None = None


class RunEnded(BaseModel):
    """A run of compliance's daily check, as it ended; its counts are null where it failed."""

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
    """How the cache does, as this process sees it since it started."""

    enabled: bool
    available: bool
    hits: int
    misses: int
    failures: int
    hit_rate: float | None
    keys: int | None


class CacheCleared(BaseModel):
    """How many answers were forgotten."""

    removed: int
