"""Articles, version 1.

Title, subtitle, summary, body, tags, names of authors, of companies and persons in the text are **content**:
they live in the stores and topics meant for content and nowhere else. Ids, dates, sources and licence names
are not.
"""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, JsonValue

from clawback_contracts.envelope import NUMBER_MAX, ArticleId, Event, Instant, Int32, Int53, Value

CONTENT_BYTES_MAX = 900_000
"""The largest article, as JSON; a larger one is quarantined by who receives it."""


def _finite(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The same, unless a number in it is none that JSON can hold, such as 1e999."""
    waiting: list[JsonValue] = [value]
    while waiting:
        match waiting.pop():
            case float() as number if not math.isfinite(number):
                raise ValueError("a number beyond what JSON can hold")
            case Mapping() as fields:
                waiting += fields.values()
            case list() as items:
                waiting += items
            case _:
                pass
    return value


class Place(Value):
    """Where a source sits or an article plays."""

    name: str | None = None
    country_code: str | None = None
    """ISO 3166-1 alpha-2, upper case; seas have none."""
    region: str | None = None
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)


class Source(Value):
    """Who published it first. Not content."""

    key: str = Field(min_length=1, max_length=500)
    """The source's stable key at its provider."""
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
    """One listing of a company named in the text; a company with three listings stands here three times."""

    name: str
    symbol: str | None = None
    exchange: str | None = None
    isin: str | None = None


class Entity(Value):
    """A person, place or thing that the provider found in the text."""

    type: str
    value: str


class Licence(Value):
    """Under which licence it may be held, and until when."""

    name: str = Field(min_length=1, max_length=500)
    ends_at: Instant | None = None


class Article(Value):
    """What a provider says of an article; shared by what is submitted and what is published."""

    article_id: ArticleId
    published_at: Instant
    """When the source published it, as far as its provider knows."""
    title: str = Field(max_length=20_000)
    """Content. May be empty."""
    body: str | None = None
    """Content: plain text. None when the licence delivers none."""
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
    """The provider's score, on the provider's scale: values beyond -1 to 1 occur."""
    word_count: Int32 | None = Field(None, ge=0)
    language: str | None = Field(None, pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", description="BCP 47")
    source: Source
    licences: tuple[Licence, ...] = ()
    url: str | None = None
    """The address to send a reader to."""
    original_url: str | None = None
    data_format: Literal["text", "audio", "video", "image"] | None = None
    copyright: str | None = None
    harvested_at: Instant | None = None
    updated_at: Instant | None = None
    embargoed_until: Instant | None = None
    """Not to be shown, published or counted before."""
    licence_ends_at: Instant | None = None
    """Not to be held after; it becomes a notice with the reason ``licence_expired``."""
    duplicate_group: str | None = None
    """The provider's id of the group's first article. Never a key: most groups hold several articles."""
    extra: Annotated[dict[str, JsonValue], AfterValidator(_finite)] = Field(default_factory=dict)
    """Content: what the provider sent beyond these fields, as it came; its numbers may be of any size."""


class ArticleSubmitted(Article, Event):
    """A provider or an upstream system hands us an article, new or changed."""

    TYPE: ClassVar[str] = "clawback.article.submitted.v1"
    TOPIC: ClassVar[str] = "article-submissions.v1"
    KEY: ClassVar[str] = "article_id"

    source_order: Int53 | None = None
    """The sender's version of the article: the larger is the newer. None: the time received decides."""


class ArticlePublished(Article, Event):
    """An article may now be held by who receives this, until an order says otherwise."""

    TYPE: ClassVar[str] = "clawback.article.published.v1"
    TOPIC: ClassVar[str] = "articles.v1"
    KEY: ClassVar[str] = "article_id"

    version: int = Field(ge=1, le=NUMBER_MAX)
    """Per article, from the ingester; a holder takes only a newer one. Numbers grow and have gaps."""
    after_order: int = Field(ge=0, le=NUMBER_MAX)
    """The last order that the ingester had applied. Below the holder's own last order it is an old text."""
    source_order: Int53
    """The sender's version, else the time received in microseconds since 1970."""
    kept_from: Instant
    """The earlier of published and first received, fixed by the first delivery: the age that counts."""
    received_at: Instant
