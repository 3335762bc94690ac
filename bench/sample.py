"""Articles as submitted by an upstream system: seeded, about 4 KB of words each, with the contract's model."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

from clawback_contracts import cloudevents
from clawback_contracts.article.v1 import (
    ArticlePublished,
    ArticleSubmitted,
    Company,
    Entity,
    Licence,
    Place,
    Source,
    Topic,
)
from clawback_contracts.envelope import event_id

PROVIDER = "upstream"
BODY_CHARS = 3_000
"""With the other fields an event of 4 KB."""
SYLLABLES = (
    "ka",
    "lo",
    "mi",
    "ren",
    "sta",
    "tor",
    "ven",
    "qui",
    "ba",
    "del",
    "fos",
    "gri",
    "hun",
    "jel",
    "pra",
    "xi",
)
TOPICS = 60
"""Number of topics; an article has two of them, and some are more frequent."""
COMPANIES, PERSONS, PLACES = 500, 5_000, 100
"""Numbers of companies, persons and places; an article names one company, two persons and one place."""
DAYS = 20
"""Number of days of the articles' dates: one or two months of content."""


@cache
def _words() -> tuple[str, ...]:
    chance = random.Random(1)  # noqa: S311 - variety, not secrecy
    return tuple("".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(4_000))


def article_id(number: int) -> str:
    """Returns the id of an article by its number."""
    return f"{PROVIDER}:{number:08d}"


def submission(number: int, now: datetime) -> ArticleSubmitted:
    """Returns an article by its number."""
    chance = random.Random(number)  # noqa: S311 - variety, not secrecy
    text = " ".join(chance.choices(_words(), k=BODY_CHARS // 6))
    published_at = now - timedelta(seconds=chance.randrange(DAYS * 86_400))
    return ArticleSubmitted(
        article_id=article_id(number),
        published_at=published_at,
        title=text[100:180],
        summary=text[500:800],
        body=text[:BODY_CHARS],
        authors=(text[20:34], text[40:52]),
        tags=tuple(text[60:100].split()),
        topics=(Topic(name="Markets", group="Business"), Topic(name="Energy", group="Business")),
        companies=(_company(chance.randrange(COMPANIES)),),
        word_count=len(text) // 6,
        language="en",
        source=Source(key=f"source-{number % 500}", name="A daily", home_url="https://daily.example"),
        licences=(Licence(name="Standard"),),
        url=f"https://daily.example/{number}",
        harvested_at=now,
        updated_at=now,
        source_order=number + 1,
    )


def _some(chance: random.Random, count: int) -> int:
    """Returns a number below this one; small ones are more frequent."""
    return int(count * chance.random() ** 2)


def _company(number: int) -> Company:
    return Company(name=f"Company {number}", symbol=f"C{number}", exchange="NYSE", isin=f"US{number:010d}")


def _place(number: int) -> Place:
    return Place(
        name=f"Town {number}", country_code="DE", region="Europe", latitude=number / 2, longitude=number
    )


def messages(count: int, first: int = 0) -> Iterator[cloudevents.Message]:
    """Returns this many submissions as records, each with its own trace."""
    at = datetime.now(UTC)
    for number in range(first, first + count):
        trace = f"00-{number + 1:032x}-{number + 1:016x}-01".encode()
        yield cloudevents.write(
            submission(number, at),
            event_id("bench", number, at),
            "/bench/upstream",
            at,
            [("traceparent", trace)],
        )


def publication(number: int, now: datetime) -> ArticlePublished:
    """Returns the same as published by the ingester, with its own topics."""
    chance = random.Random(number)  # noqa: S311 - variety, not secrecy
    article = submission(number, now)
    names = {f"Topic {_some(chance, TOPICS)}" for _ in range(2)}
    given = {name: getattr(article, name) for name in ArticleSubmitted.model_fields if name != "source_order"}
    given["topics"] = tuple(Topic(name=name, group="Business") for name in sorted(names))
    given["entities"] = tuple(
        Entity(type="Person", value=f"Person {_some(chance, PERSONS)}") for _ in range(2)
    )
    given["places"] = (_place(_some(chance, PLACES)),)
    given["sentiment"] = round(chance.uniform(-1, 1), 3)
    return ArticlePublished(
        **given,
        version=1,
        after_order=0,
        source_order=number + 1,
        retention_date=article.published_at,
        received_at=now,
    )


def published(count: int) -> Iterator[cloudevents.Message]:
    """Returns this many published articles as records."""
    at = datetime.now(UTC)
    for number in range(count):
        yield cloudevents.write(
            publication(number, at), event_id("bench", "published", number, at), "/clawback/ingester", at
        )
