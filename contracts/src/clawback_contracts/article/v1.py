"""Articles, version 1.

Title, subtitle, summary, body, tags, and the names of authors, companies and persons in the text are **content**: they
may be stored only in the stores and topics for content. Ids, dates, sources and licence names are not content.
"""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, JsonValue

from clawback_contracts.envelope import NUMBER_MAX, ArticleId, Event, Instant, Int32, Int53, Value

CONTENT_BYTES_MAX = 900_000
"""The largest article, as JSON; consumers quarantine a larger one."""


def _finite(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Reject numbers that JSON cannot represent, such as 1e999."""
    waiting: list[JsonValue] = [value]
    while waiting:
        match waiting.pop():
            case float() as number if not math.isfinite(number):
                raise ValueError("a number that JSON cannot represent")
            case Mapping() as fields:
                waiting += fields.values()
            case list() as items:
                waiting += items
            case _:
                pass
    return value


class Place(Value):
    """The location of a source, or of the events in an article."""

    name: str | None = None
    country_code: str | None = None
    """ISO 3166-1 alpha-2, upper case; None for seas."""
    region: str | None = None
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)


class Source(Value):
    """The original publisher. Not content."""

    key: str = Field(min_length=1, max_length=500)
    """The provider's stable key of the source."""
    name: str | None = None
    home_url: str | None = None
    media_type: str | None = None
    category: str | None = None
    editorial_rank: Int32 | None = None
    place: Place | None = None


class Topic(Value):
    """A subject that the provider assigned."""

    name: str
    group: str | None = None


class Company(Value):
    """One listing of a company named in the text; a company with three listings occurs three times."""

    name: str
    symbol: str | None = None
    exchange: str | None = None
    isin: str | None = None


class Entity(Value):
    """A person, place or thing that the provider found in the text."""

    type: str
    value: str


class Licence(Value):
    """The licence under which the article may be held, and its end."""

    name: str = Field(min_length=1, max_length=500)
    ends_at: Instant | None = None


class Article(Value):
    """The data of an article; common to submissions and publications."""

    article_id: ArticleId
    published_at: Instant
    """When the source published it, as far as the provider knows."""
    title: str = Field(max_length=20_000)
    """Content. May be empty."""
    body: str | None = None
    """Content: plain text. None when the licence does not include it."""
    subtitle: str | None = None
    """Content."""
    summary: str | None = None
    """Content."""
    markup: str | None = None
    """Content: the body as HTML, not sanitised."""
    authors: tuple[str, ...] = ()
    """Content."""
    tags: tuple[str, ...] = ()
    """Content."""
    topics: tuple[Topic, ...] = ()
    companies: tuple[Company, ...] = ()
    """Content."""
    entities: tuple[Entity, ...] = ()
    """Content."""
    places: tuple[Place, ...] = ()
    sentiment: float | None = None
    """The provider's score on the provider's scale; values outside -1 to 1 occur."""
    word_count: Int32 | None = Field(None, ge=0)
    language: str | None = Field(None, pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", description="BCP 47")
    source: Source
    licences: tuple[Licence, ...] = ()
    url: str | None = None
    """The address for readers."""
    original_url: str | None = None
    data_format: Literal["text", "audio", "video", "image"] | None = None
    copyright: str | None = None
    harvested_at: Instant | None = None
    updated_at: Instant | None = None
    embargoed_until: Instant | None = None
    """Must not be shown, published or counted earlier."""
    licence_ends_at: Instant | None = None
    """Must not be held later; the end becomes a notice with the reason ``licence_expired``."""
    duplicate_group: str | None = None
    """The provider's id of the first article in the group. Not a key: most groups contain several articles."""
    extra: Annotated[dict[str, JsonValue], AfterValidator(_finite)] = Field(default_factory=dict)
    """Content: further fields from the provider, unchanged; their numbers may have any size."""


class ArticleSubmitted(Article, Event):
    """A provider or an upstream system submits an article, new or changed."""

    TYPE: ClassVar[str] = "clawback.article.submitted.v1"
    TOPIC: ClassVar[str] = "article-submissions.v1"
    KEY: ClassVar[str] = "article_id"

    source_order: Int53 | None = None
    """The sender's version of the article; larger is newer. None: the time received decides."""


class ArticlePublished(Article, Event):
    """Consumers may hold this article until an order says otherwise."""

    TYPE: ClassVar[str] = "clawback.article.published.v1"
    TOPIC: ClassVar[str] = "articles.v1"
    KEY: ClassVar[str] = "article_id"

    version: int = Field(ge=1, le=NUMBER_MAX)
    """Per article, assigned by the ingester; a holder accepts only a newer one. Numbers grow and have gaps."""
    after_order: int = Field(ge=0, le=NUMBER_MAX)
    """The last order that the ingester had applied. Below the holder's own last order, the text is outdated."""
    source_order: Int53
    """The sender's version, else the time received in microseconds since 1970."""
    retention_date: Instant
    """The earlier of published and first received, fixed by the first delivery: the start of the retention period."""
    received_at: Instant
