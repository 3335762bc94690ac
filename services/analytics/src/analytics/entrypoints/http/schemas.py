"""The responses of analytics' API."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """The base of all answers; their attributes' docstrings are in the documentation of the API."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class ValueCount(BaseModel):
    """A value of a dimension and its counts."""

    value: str
    label: str | None
    articles: int
    words: int
    """In all of these articles."""


class TopicCount(Answer):
    """A topic and its counts."""

    topic: str = Field(validation_alias="value")
    group: str | None = Field(validation_alias="label")
    """Of the first article with the topic."""
    articles: int
    words: int
    """In all of these articles."""


class SourceCount(Answer):
    """A source, by its key at its provider and by its name, and its counts."""

    source: str = Field(validation_alias="value")
    name: str | None = Field(validation_alias="label")
    articles: int
    words: int
    """In all of these articles."""


class AuthorCount(Answer):
    """An author and its counts."""

    author: str = Field(validation_alias="value")
    articles: int
    words: int
    """In all of these articles."""


class LicenceCount(Answer):
    """A licence and its counts; an article counts under each of its licences."""

    license: str = Field(validation_alias="value")
    articles: int
    words: int
    """In all of these articles."""


class EntityCount(Answer):
    """A person, place or thing named in the articles, and its counts."""

    entity: str = Field(validation_alias="value", examples=["Person:Ada Lovelace"])
    """Type and name."""
    type: str | None = Field(validation_alias="label")
    articles: int
    words: int
    """In all of these articles."""


class CompanyCount(Answer):
    """A company, by its name, symbol or ISIN, and its counts."""

    company: str = Field(validation_alias="value")
    name: str | None = Field(validation_alias="label")
    articles: int
    words: int
    """In all of these articles."""


class LocationCount(Answer):
    """A place that the articles are about, and its counts."""

    location: str = Field(validation_alias="value", examples=["DE"])
    """ISO 3166-1 country code, name of a region, or latitude and longitude to a hundredth of a degree."""
    name: str | None = Field(validation_alias="label")
    """Of the first place there."""
    articles: int
    words: int
    """In all of these articles."""


class TagCount(Answer):
    """A tag and its counts."""

    tag: str = Field(validation_alias="value")
    articles: int
    words: int
    """In all of these articles."""


class IntervalCount(Answer):
    """An hour, day, week or month, and the counts of the articles published in it."""

    start: datetime
    """In UTC."""
    articles: int
    words: int
    """In all of these articles."""


class Bucket(Answer):
    """The number of articles with a number in this range."""

    at_least: float | None
    below: float | None
    articles: int


class NumberDistribution(Answer):
    """The distribution of a number over articles."""

    start: datetime | None
    """The start of the interval, if grouped by intervals."""
    source: str | None
    """The source's key, if grouped by sources."""
    articles: int
    """Those that have the number."""
    mean: float
    p10: float
    p25: float
    median: float
    p75: float
    p90: float
    buckets: list[Bucket]


class RecentArticle(Answer):
    """One of the articles that were published last."""

    article_id: str
    published_at: datetime
    source: str
    language: str | None
    licenses: list[str]
    words: int
    link: str
    """Where the ingester serves it, with its title."""


class RunEnded(Answer):
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


class CacheStats(Answer):
    """The cache statistics of this process since its start."""

    enabled: bool
    available: bool
    hits: int
    misses: int
    failures: int
    hit_rate: float | None
    keys: int | None


class CacheCleared(Answer):
    """The number of deleted answers."""

    removed: int
