"""A model of the rules without a database: an ingester that publishes and an analytics that counts, as plain dicts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from analytics.domain.dimensions import DIMENSIONS
from analytics.domain.filters import FIRST, CountFilter, Period
from analytics.storage.rollups import Interval
from clawback_contracts.article.v1 import (
    ArticlePublished,
    Company,
    Entity,
    Licence,
    Place,
    Source,
    Topic,
)
from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.v1 import ArticleRevoked
from services.analytics.tests.integration.world import World

IDS = tuple(f"up:{name}" for name in "abc")
AGES_D = {"up:a": 1, "up:b": 40, "up:c": 400}
"""The age of each article: sweeps of different ages remove different ones.

Few articles, so that much happens to each.
"""
SHAPES: tuple[dict[str, Any], ...] = (
    {
        "language": "en",
        "source": "s1",
        "topics": ("t1", "t2"),
        "licences": ("l1",),
        "words": 10,
        "more": {"authors": ("a1", "a2"), "sentiment": 0.25, "tags": ("x", "x", "y")},
    },
    {"language": "en", "source": "s2", "topics": ("t2",), "licences": ("l1", "l2"), "words": 20},
    {"language": None, "source": "s1", "topics": (), "licences": (), "words": None},
    {
        "language": "de",
        "source": "s3",
        "topics": ("t3",),
        "licences": ("l2",),
        "words": 0,
        "more": {
            "entities": (Entity(type="Person", value="p1"), Entity(type="Place", value="p1")),
            "companies": (
                Company(name="c1", symbol="C", isin="i1"),
                Company(name="c1", symbol="D", isin="i1"),
                Company(name="c2"),
            ),
            "places": (
                Place(name="b", country_code="DE", region="r", latitude=52.518, longitude=13.4),
                Place(country_code="DE", latitude=52.522, longitude=13.4),
            ),
            "sentiment": -1.005,
        },
    },
    {"language": "de", "source": "s3", "topics": ("t3", "t1", "t2"), "licences": ("l2",), "words": 5},
)

INTERVALS: tuple[Interval, ...] = ("hour", "day", "week", "month")


@dataclass(frozen=True, slots=True)
class Shape:
    """What an article is counted under."""

    published_at: datetime
    language: str
    source: str
    licences: tuple[str, ...]
    values: Mapping[str, frozenset[str]]
    """By dimension."""
    words: int


@dataclass(slots=True)
class Row:
    """The state of one id."""

    version: int = 0
    order: int = 0
    revoked: bool = False
    withheld: bool = False
    shape: Shape | None = None


@dataclass(slots=True)
class Ingester:
    """The state of one id in the ingester, as set by compliance and its providers."""

    version: int = 0
    order: int = 0
    revoked: bool = False
    published: bool = False
    """Whether its content may be read."""


@dataclass(slots=True)
class Model:
    """The ingester and analytics."""

    world: World
    floor: datetime | None = None
    rows: dict[str, Row] = field(default_factory=dict)
    ingester: dict[str, Ingester] = field(default_factory=lambda: {one: Ingester() for one in IDS})
    events: list[ArticlePublished | AnyOrder] = field(default_factory=list)
    """All published events."""

    def publish(self, article_id: str, shape: int, moved_d: int) -> None:
        """The provider delivers an article; a revoked one is not published. A later version may have another day."""
        known, as_given = self.ingester[article_id], SHAPES[shape]
        if known.revoked:
            return
        known.version, known.published = known.version + 1, True
        age = AGES_D[article_id]
        self.events.append(
            self.world.article(
                article_id,
                known.version,
                known.order,
                published_at=self.world.ago(days=age + moved_d),
                retention_date=self.world.ago(days=age),
                language=as_given["language"],
                source=Source(key=as_given["source"]),
                topics=tuple(Topic(name=name) for name in as_given["topics"]),
                licences=tuple(Licence(name=name) for name in as_given["licences"]),
                word_count=as_given["words"],
                **as_given.get("more", {}),
            )
        )

    def order(self, article_id: str) -> None:
        """Compliance revokes a live article, or reinstates a revoked one."""
        known = self.ingester[article_id]
        known.order, known.revoked, known.published = known.order + 1, not known.revoked, False
        order = self.world.revocation if known.revoked else self.world.reinstatement
        self.events.append(order(article_id, known.order))

    def article_arrives(self, article: ArticlePublished) -> None:
        """Processes one article; articles may arrive in any order."""
        if self.floor is not None and article.retention_date < self.floor:
            return
        row = self.rows.setdefault(article.article_id, Row())
        newer = article.after_order == row.order and not row.revoked and article.version > row.version
        if article.after_order > row.order or newer:
            row.version, row.order, row.revoked = article.version, article.after_order, False
            row.shape = Shape(
                article.published_at,
                article.language or "",
                article.source.key,
                tuple(sorted(licence.name for licence in article.licences)),
                {
                    name: frozenset(text for text, _ in one.values(article) if text)
                    for name, one in DIMENSIONS.items()
                },
                article.word_count or 0,
            )

    def orders_arrive(self, orders: Sequence[AnyOrder]) -> None:
        """Processes a batch of orders: the latest of each id is applied."""
        for article_id in {order.article_id for order in orders}:
            row = self.rows.setdefault(article_id, Row())
            order = max((one for one in orders if one.article_id == article_id), key=lambda one: one.order)
            if order.order > row.order:
                row.order, row.revoked, row.shape = order.order, isinstance(order, ArticleRevoked), None
                row.withheld = row.withheld and not row.revoked

    def withhold(self, article_id: str) -> None:
        """An order on it cannot be decoded."""
        row = self.rows.setdefault(article_id, Row())
        row.withheld = row.withheld or not row.revoked

    def incidents_closed(self) -> None:
        """All incidents are closed."""
        for row in self.rows.values():
            row.withheld = False

    def sweep(self, before: datetime, held: Iterable[str]) -> int:
        """Empties what is older and not under a legal hold. Returns how many."""
        self.floor = max(self.floor or before, before)
        old = [
            row
            for article_id, row in self.rows.items()
            if row.shape and self.world.ago(days=AGES_D[article_id]) < before and article_id not in held
        ]
        for row in old:
            row.shape = None
        return len(old)

    @property
    def counted(self) -> list[Shape]:
        """The counted articles."""
        return [row.shape for row in self.rows.values() if row.shape and not row.withheld]

    def answer(self, what: str, filters: CountFilter) -> dict[Any, tuple[int, int]]:
        """Articles and words by the values of a dimension, or by interval, of the matching articles."""
        articles: Counter[Any] = Counter()
        words: Counter[Any] = Counter()
        for shape in self.counted:
            if not (
                filters.period.since <= shape.published_at < filters.period.until
                and filters.language in {None, shape.language}
                and filters.source in {None, shape.source}
                and (filters.licence is None or filters.licence in shape.licences)
            ):
                continue
            keys: frozenset[Any] = (
                frozenset({start_of(what, shape.published_at)}) if what in INTERVALS else shape.values[what]
            )
            articles.update(keys)
            words.update(dict.fromkeys(keys, shape.words))
        return {key: (articles[key], words[key]) for key in articles}


def split(
    batch: Iterable[ArticlePublished | AnyOrder],
) -> tuple[list[ArticlePublished], list[AnyOrder]]:
    """Articles and orders; they are delivered separately."""
    events = list(batch)
    return (
        [one for one in events if isinstance(one, ArticlePublished)],
        [one for one in events if not isinstance(one, ArticlePublished)],
    )


def start_of(interval: str, instant: datetime) -> datetime:
    """The start of the hour, day, week or month."""
    hour = instant.replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    week = day - timedelta(days=day.weekday())
    return {"hour": hour, "day": day, "week": week, "month": day.replace(day=1)}[interval]


def questions(world: World) -> list[CountFilter]:
    """Every filter, alone and combined; the articles are from noon."""
    noon = world.clock.now()
    midnight = noon.replace(hour=0, minute=0, second=0, microsecond=0)
    return [
        CountFilter(),
        CountFilter(language="en"),
        CountFilter(source="s1"),
        CountFilter(licence="l2"),
        CountFilter(Period(midnight - timedelta(days=30), midnight)),
        CountFilter(language="de", source="s3", licence="l2"),
        CountFilter(Period(FIRST, midnight - timedelta(days=397)), licence="l1"),
        CountFilter(Period(noon - timedelta(days=40), noon - timedelta(days=1)), language="en"),
        CountFilter(Period(noon - timedelta(days=1, hours=1), noon - timedelta(hours=23))),
    ]
