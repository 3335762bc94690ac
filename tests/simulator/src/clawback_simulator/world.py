"""The provider's data: articles, the feed, and the log of revocations. Nothing is ever deleted."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from random import Random

from clawback_simulator import article as articles
from clawback_simulator.actions import Recipe
from clawback_simulator.article import DAY_S, Article, Delivery
from clawback_simulator.catalogue import Catalogue
from clawback_simulator.clock import SimulatedClock

FIRST_SEQUENCE = 1_782_454_301_592
FIRST_ID = 52_999_982_276
ID_STEP = 131
SEQUENCE_STEP_MIN, SEQUENCE_STEP_MAX, SEQUENCE_STEP_MEAN = 22, 4_610, 390
YEAR_ZERO, YEAR_RANGE = 2020, 111_111_111
"""Revocations of a year are numbered from (year - 2020) * 111,111,111 on."""


class Impossible(Exception):
    """The script requests something impossible, such as revoking more articles than exist."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """One entry of the log: its time, and the provider's own time if it has one (seconds since 1970)."""

    sequence: int
    cursor: str
    article_id: str
    announced_at: float
    provider_at: float | None
    repeat: bool


@dataclass(frozen=True, slots=True)
class Redelivery:
    """A revoked article that is delivered again, and with which text."""

    delivery: Delivery
    text: str


class World:
    """The provider's state of one seed."""

    def __init__(self, seed: int, clock: SimulatedClock) -> None:
        self.seed = seed
        self.catalogue = Catalogue(seed)
        self._clock = clock
        self._rng = Random(f"{seed}:world")
        self._numbers = 0
        self._swapped: int | None = None
        self._sequence = FIRST_SEQUENCE + self._rng.randrange(10_000_000)
        self._revocation_sequence = 0
        self.by_id: dict[str, Article] = {}
        self.reserved: dict[str, Article] = {}
        self.feed: list[Delivery] = []
        self.sequences: list[int] = []
        self.times: list[float] = []
        self.revocations: list[Revocation] = []
        self.revocation_at: dict[str, int] = {}
        self.revoked: dict[str, None] = {}
        self.unknown: dict[str, None] = {}
        self.redelivered: list[Redelivery] = []
        self.updated: list[Delivery] = []

    def reserve(self, count: int) -> list[Article]:
        """Returns new articles that have an id and are not published."""
        made = [self._make() for _ in range(count)]
        self.reserved.update((str(article.id), article) for article in made)
        return made

    def publish(self, count: int, recipe: Recipe) -> list[Delivery]:
        """Publishes new articles on the feed."""
        return [self._first_delivery(self._make(), recipe) for _ in range(count)]

    def publish_reserved(self, ids: Iterable[str], recipe: Recipe) -> list[Delivery]:
        """Publishes reserved articles on the feed, in this order. All must be reserved."""
        wanted = list(dict.fromkeys(ids))
        if missing := [one for one in wanted if one not in self.reserved]:
            raise Impossible(f"not reserved: {', '.join(missing[:5])}")
        return [self._first_delivery(self.reserved.pop(one), recipe) for one in wanted]

    def update(self, ids: Iterable[str]) -> list[Delivery]:
        """Publishes the same articles with new texts."""
        made = [self._deliver(article, article.version + 1) for article in self._published(ids)]
        self.updated += made
        return made

    def redeliver(self, ids: Iterable[str], text: str) -> list[Delivery]:
        """Delivers revoked articles again: text `same`, `old` (the version before) or `new`."""
        chosen = self._published(ids)
        if live := [article.id for article in chosen if not article.revoked]:
            raise Impossible(f"not revoked: {live[:5]}")
        shift = {"same": 0, "old": -1, "new": 1}[text]
        made = [self._deliver(article, max(1, article.version + shift)) for article in chosen]
        self.redelivered += [Redelivery(delivery, text) for delivery in made]
        return made

    def revoke(self, ids: Iterable[str], provider_at: float | None) -> list[Revocation]:
        """Adds entries to the log, in this order; an id that was revoked before is a repeat."""
        return [self._revoke(one, provider_at) for one in ids]

    def invent(self, count: int) -> list[str]:
        """Returns plausible ids that never belong to an article."""
        made: list[str] = []
        while len(made) < count:
            one = str(FIRST_ID + ID_STEP * self._rng.randrange(100_000_000) + ID_STEP - 1)
            if one not in self.unknown:
                self.unknown[one] = None
                made.append(one)
        return made

    def choose(self, candidates: list[str], count: int, what: str) -> list[str]:
        """Chooses this many, by the seed."""
        if count > len(candidates):
            raise Impossible(f"{count} {what} requested, there are {len(candidates)}")
        return self._rng.sample(candidates, count)

    def shuffled(self, ids: list[str]) -> list[str]:
        """Shuffles by the seed."""
        return self._rng.sample(ids, len(ids))

    def live(self) -> list[str]:
        """Ids that are published and not revoked."""
        return [one for one, article in self.by_id.items() if article.deliveries and not article.revoked]

    def oldest_held(self, window_days: float) -> int:
        """Returns the position on the feed of the oldest article in the window."""
        return bisect_right(self.times, self._clock.timestamp() - window_days * DAY_S)

    def after(self, sequence_id: int) -> int:
        """Returns the position of the first article after this number."""
        return bisect_right(self.sequences, sequence_id)

    def revocations_after(self, cursor: str, *, opaque: bool) -> int | None:
        """Returns the position in the log after a cursor; None if there is no such cursor."""
        if cursor and not cursor.strip("0"):
            return 0
        if opaque:
            position = self.revocation_at.get(cursor)
            return None if position is None else position + 1
        if not cursor.isascii() or not cursor.isdigit():
            return None
        return bisect_right(self.revocations, int(cursor), key=lambda entry: entry.sequence)

    def _make(self) -> Article:
        article_id = FIRST_ID + ID_STEP * self._next_number() + self._rng.randrange(ID_STEP - 1)
        article = articles.draw(self._rng, article_id, without_body=self.catalogue.without_body)
        self.by_id[str(article_id)] = article
        return article

    def _next_number(self) -> int:
        """Returns an increasing number, with every second pair swapped, so that a quarter of the steps go back."""
        if self._swapped is not None:
            number, self._swapped = self._swapped, None
            return number
        number = self._numbers
        self._numbers += 2
        swap = self._rng.random() < 0.5
        self._swapped = number if swap else number + 1
        return number + 1 if swap else number

    def _first_delivery(self, article: Article, recipe: Recipe) -> Delivery:
        article.recipe, article.corrupt = recipe, recipe.corrupt
        article.published_at = self._clock.timestamp()
        if recipe.without_body is not None:
            article.has_body = not recipe.without_body
        return self._deliver(article, 1)

    def _deliver(self, article: Article, version: int) -> Delivery:
        step = self._rng.expovariate(1 / (SEQUENCE_STEP_MEAN - SEQUENCE_STEP_MIN))
        self._sequence += min(SEQUENCE_STEP_MAX, SEQUENCE_STEP_MIN + int(step))
        at = max(self._clock.timestamp(), self.times[-1] if self.times else 0.0)
        delivery = Delivery(self._sequence, article, version, at)
        article.version = max(article.version, version)
        article.deliveries.append(len(self.feed))
        self.feed.append(delivery)
        self.sequences.append(delivery.sequence_id)
        self.times.append(at)
        return delivery

    def _published(self, ids: Iterable[str]) -> list[Article]:
        chosen = [(one, self.by_id.get(one)) for one in ids]
        if missing := [one for one, article in chosen if article is None or not article.deliveries]:
            raise Impossible(f"not published: {', '.join(missing[:5])}")
        return [article for _, article in chosen if article is not None]

    def _revoke(self, article_id: str, provider_at: float | None) -> Revocation:
        now = self._clock.timestamp()
        year = datetime.fromtimestamp(now, UTC).year
        start = max(0, year - YEAR_ZERO) * YEAR_RANGE
        self._revocation_sequence = max(start, self._revocation_sequence) + self._rng.randint(1, 5)
        token = blake2b(f"{self.seed}:{self._revocation_sequence}".encode(), digest_size=9).hexdigest()
        entry = Revocation(
            self._revocation_sequence, f"r-{token}", article_id, now, provider_at, article_id in self.revoked
        )
        self.revocation_at[entry.cursor] = len(self.revocations)
        self.revocations.append(entry)
        self.revoked[article_id] = None
        if (article := self.by_id.get(article_id)) is not None:
            article.revoked, article.withheld_before = True, len(self.feed)
        else:
            self.unknown[article_id] = None
        return entry
