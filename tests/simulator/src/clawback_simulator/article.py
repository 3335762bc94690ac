"""Generates an article from its seed and a few properties, with the same result every time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from random import Random
from typing import Any, TypeVar

from clawback_simulator import words
from clawback_simulator.actions import Recipe
from clawback_simulator.canary import PLACES, Place, canary
from clawback_simulator.catalogue import Catalogue, Fixed, Wire, person
from clawback_simulator.clock import iso

T = TypeVar("T")
DAY_S = 86_400
BODY_BYTES_MEAN = 2_500


@dataclass(slots=True)
class Article:
    """The stored properties of an article; everything else is derived from them.

    `deliveries` are positions on the feed. `corrupt` is initially set by the recipe and can be changed later. The feed
    entries from before the revocation of the article are at positions below `withheld_before`.
    """

    id: int
    group_id: int
    has_title: bool
    has_body: bool
    has_author: bool
    dated_ago_s: float
    recipe: Recipe = field(default_factory=Recipe)
    corrupt: str | None = None
    published_at: float | None = None
    version: int = 0
    deliveries: list[int] = field(default_factory=list)
    revoked: bool = False
    withheld_before: int = 0

    @property
    def ago_s(self) -> float:
        """How long before its delivery it was published, according to its date, in seconds."""
        days = self.recipe.dated_days_ago
        return self.dated_ago_s if days is None else days * DAY_S

    def dated(self, seconds: float | None) -> str:
        """Returns a date this many seconds after publication; "" if the recipe has none."""
        return "" if seconds is None or self.published_at is None else iso(self.published_at + seconds)

    def canaries(self, seed: int, version: int) -> dict[Place, str]:
        """Returns the tokens that are actually in this version."""
        present = {"title": self.has_title, "body": self.has_body, "author": self.has_author}
        return {place: canary(seed, self.id, version, place) for place in PLACES if present[place]}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One entry of an article on the feed: its version, number and time (seconds since 1970)."""

    sequence_id: int
    article: Article
    version: int
    at: float


def draw(rng: Random, article_id: int, *, without_body: float) -> Article:
    """Draws the properties of a new article: one in six is in an older one's group, one in a hundred is years old."""
    duplicate, old = rng.random() < 0.16, rng.random() < 0.01
    return Article(
        id=article_id,
        group_id=article_id - rng.randint(1, 400_000) if duplicate else article_id,
        has_title=rng.random() >= 0.001,
        has_body=rng.random() >= without_body,
        has_author=rng.random() >= 0.36,
        dated_ago_s=rng.uniform(2 * 365, 12 * 365) * DAY_S if old else rng.expovariate(1 / 5_000),
    )


OPTIONAL = (
    "commentsUrl",
    "copyright",
    "publishingPlatform",
    "linkedArticles",
    "matchingFilters",
    "tags",
    "adultLanguage",
)
LEFT_OUT = tuple(combinations(OPTIONAL, 3))
"""Omitted in some articles, three at a time; empty in others."""


def pick(rng: Random, pool: Sequence[T]) -> T:
    """Picks one, several times faster than `Random.choice`: an article needs some thirty of these."""
    return pool[int(rng.random() * len(pool))]


def some(rng: Random, pool: Sequence[T], count: int) -> list[T]:
    """Picks this many different ones; mostly none or one, which need no sampling."""
    return [pick(rng, pool)] if count == 1 else rng.sample(pool, count) if count else []


def build(seed: int, catalogue: Catalogue, delivery: Delivery) -> Wire:
    """Returns the article as in a JSON answer, with fields in the provider's order."""
    article, version = delivery.article, delivery.version
    rng = Random((seed << 72) ^ (article.id << 8) ^ version)
    marks = article.canaries(seed, version)
    source = pick(rng, catalogue.sources)
    language, code = words.LANGUAGES[0] if rng.random() < 0.8 else pick(rng, words.LANGUAGES)
    body = _body(rng, catalogue, article, marks)
    url = f"http://ct.moreover.example/?a={article.id}&p=5q&v=1&x={rng.getrandbits(64):x}"
    wire: Wire = {
        "sequenceId": str(delivery.sequence_id),
        "id": str(article.id),
        "language": language,
        "languageCode": code,
        "title": _title(rng, marks),
        "content": body,
        "extract": body[:250] if article.has_body else "",
        "tags": some(rng, words.TAGS, pick(rng, [0, 0, 0, 1, 3])),
        **_dates(rng, delivery),
        "url": url,
        "originalUrl": f"{source['homeUrl']}/{article.id}.html",
        "commentsUrl": "",
        "outboundUrls": [f"http://links.example/{rng.getrandbits(32):x}" for _ in range(_few(rng, 100))],
        "dataFormat": rng.choices(["text", "audio", "video", "image"], weights=[96, 1, 2, 1])[0],
        "copyright": f"Copyright {source['name']}" if rng.random() < 0.4 else "",
        "loginStatus": rng.choices(["", "reg", "sub", "prem"], weights=[90, 3, 4, 3])[0],
        "duplicateGroupId": str(article.group_id),
        "media": _media(rng),
        "publishingPlatform": {},
        "adultLanguage": pick(rng, ["false", "false", ""]),
        "topics": some(rng, catalogue.topics, pick(rng, [0, 1, 1, 2])),
        "companies": [listing for _ in range(_few(rng, 40)) for listing in pick(rng, catalogue.companies)],
        "locations": some(rng, catalogue.locations, pick(rng, [0, 0, 1, 2])),
        "semantics": {"events": [], "entities": some(rng, catalogue.entities, _few(rng, 54))},
        "sentiment": _sentiment(rng),
        "author": _author(rng, marks),
        "licenses": [{"name": name} for name in some(rng, words.LICENSES, pick(rng, [0, 1, 1]))],
        "linkedArticles": [],
        "matchingFilters": [],
        "source": source,
    }
    for name in pick(rng, LEFT_OUT):
        del wire[name]
    return wire


def _few(rng: Random, most: int) -> int:
    """Returns mostly 0, 1 or 2; one time in three hundred a large number."""
    return most if rng.random() < 1 / 300 else pick(rng, (0, 0, 0, 1, 1, 2))


def _title(rng: Random, marks: dict[Place, str]) -> str:
    if "title" not in marks:
        return ""
    glue = "\n" if rng.random() < 0.01 else " "
    adjective, noun, people = pick(rng, words.ADJECTIVES), pick(rng, words.NOUNS), pick(rng, words.PEOPLE)
    return f"{people.capitalize()} {pick(rng, words.VERBS)} {adjective} {noun}{glue}{marks['title']}"


def _body(rng: Random, catalogue: Catalogue, article: Article, marks: dict[Place, str]) -> str:
    """Returns the text with its token at both ends, so that a truncated half is found as well."""
    if "body" not in marks:
        return pick(rng, ("", "_", "__"))
    size = article.recipe.body_bytes
    if size is None:
        size = int(min(44_000, max(400, BODY_BYTES_MEAN * rng.lognormvariate(-0.18, 0.6))))
    parts: list[str] = []
    length = 2 * len(marks["body"])
    while length < size:
        parts.append(pick(rng, catalogue.paragraphs))
        length += len(parts[-1]) + 2
    text = "\n\n".join(parts)[: max(0, size - 2 * len(marks["body"]) - 2)]
    return f"{marks['body']} {text} {marks['body']}"


def _dates(rng: Random, delivery: Delivery) -> dict[str, str]:
    """Returns dates: harvested shortly before delivery, unordered; published before that, or afterwards in 3 %."""
    article = delivery.article
    ago_s = article.ago_s
    harvested = (article.published_at or delivery.at) - rng.uniform(1, 600)
    published = (
        harvested + rng.uniform(60, 38_000) if rng.random() < 0.03 and ago_s < DAY_S else harvested - ago_s
    )
    recipe = article.recipe
    return {
        "publishedDate": iso(published),
        "harvestDate": iso(harvested),
        "estimatedPublishedDate": iso(published),
        "updateDate": iso(delivery.at) if delivery.version > 1 else "",
        "embargoDate": article.dated(recipe.embargo_s),
        "licenseEndDate": article.dated(recipe.license_end_s),
        "contentLicenseEndDate": article.dated(recipe.content_license_end_s),
    }


def _media(rng: Random) -> Wire:
    if rng.random() < 0.6:
        return {}
    url = f"http://images.example/{rng.getrandbits(40):x}.jpg"
    image = {"url": url, "mimeType": "image/jpeg", "caption": "", "duration": ""}
    return {"audio": [], "image": [image], "video": []}


def _sentiment(rng: Random) -> Wire:
    """Returns a sentiment. Scores are occasionally outside -1 to 1: values up to 5.16 were observed."""
    if rng.random() < 0.3:
        return {}
    score = {"type": "Company", "value": pick(rng, words.COMPANY_STEMS), "mentions": "1"}
    score |= {"score": f"{rng.uniform(-2, 5.16):.4f}", "evidence": "1", "confident": "true"}
    return {"score": f"{rng.uniform(-1, 1):.4f}", "entities": [score] if rng.random() < 0.5 else []}


def _author(rng: Random, marks: dict[Place, str]) -> Wire:
    if "author" not in marks:
        return {}
    return {"name": f"{person(rng)} {marks['author']}", "homeUrl": "", "email": "", "description": ""}


UNKNOWN: dict[str, Any] = {
    "carbonFootprint": {"grams": "12", "method": "estimate"},
    "readingLevel": "8",
    "summaries": [{"summary": "none"}],
}
"""Elements that are unknown to readers."""


def spoil(wire: Wire, how: str) -> Wire:  # noqa: PLR0911  one per case
    """Returns the article with one error."""
    match how:
        case "bare":
            return {}
        case "no_id" | "no_sequence":
            return {name: value for name, value in wire.items() if name != SPOILT[how]}
        case "bad_date" | "bad_embargo" | "bad_license_end":
            return wire | {SPOILT[how]: "the 31st of February"}
        case "id_text":
            return wire | {"id": f"A-{wire['id']}"}
        case "huge_body":
            return wire | {"content": f"{wire['content']} " + "padding " * 125_000}
        case "nul":
            return wire | {"content": f"{wire['content']}\x00"}
        case "numbers":
            return (
                wire
                | {name: int(wire[name]) for name in ("sequenceId", "id", "duplicateGroupId")}
                | {"adultLanguage": False}
            )
        case _:
            return wire | UNKNOWN | {"source": Fixed(wire["source"], trustLabel="")}


SPOILT = {
    "no_id": "id",
    "no_sequence": "sequenceId",
    "bad_date": "publishedDate",
    "bad_embargo": "embargoDate",
    "bad_license_end": "licenseEndDate",
}
"""The element that each corruption affects."""
