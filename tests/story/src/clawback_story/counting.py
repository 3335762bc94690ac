"""Compares analytics' counts with the expected ones: from the provider's data and the other writers' lists."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from clawback_simulator.truth import FacetsTruth
from clawback_story.history import CountsSeen
from clawback_story.inspection import expected_of
from clawback_story.world import METABASE, Broken, World

LIMIT = 500
WITHIN_S = 45.0
OK = 200
SHOWN = 3
KEYS = {
    "sources": "source",
    "timeline": "start",
    "topics": "topic",
    "authors": "author",
    "licenses": "license",
    "companies": "company",
    "locations": "location",
    "entities": "entity",
    "tags": "tag",
}
"""The key of an item, by endpoint that counts articles."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one article must be counted under."""

    article_id: str
    published: datetime
    language: str
    values: Mapping[str, Collection[str]]
    """By endpoint."""
    sentiment: float | None

    @property
    def day(self) -> str:
        """The day of its publication."""
        return self.published.date().isoformat()


@dataclass(frozen=True, slots=True)
class Question:
    """One query to the API, which is also evaluated on the expected articles."""

    path: str
    params: Mapping[str, str]

    @property
    def words(self) -> str:
        """The query as a path."""
        query = "&".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.path}?{query}" if query else self.path

    def fits(self, one: Counted) -> bool:
        """Whether the query covers this article."""
        params = self.params
        return (
            params.get("from", "0001") <= one.day <= params.get("to", "9999")
            and params.get("language", one.language) == one.language
            and ("source" not in params or params["source"] in one.values["sources"])
            and ("license" not in params or params["license"] in one.values["licenses"])
        )

    def answer(self, articles: Iterable[Counted]) -> dict[str, int]:
        """Returns the expected answer: articles by value; for a number, how many have it and its sum."""
        fitting = list(filter(self.fits, articles))
        match self.path:
            case "recent":
                newest = sorted(((one.published, one.article_id) for one in fitting), reverse=True)
                return {article_id: 1 for _, article_id in newest}
            case "sentiment":
                scores = [one.sentiment for one in fitting if one.sentiment is not None]
                hundredths = [round(100 * round(score, 2)) for score in scores]
                return {"articles": len(hundredths), "hundredths": sum(hundredths)} if hundredths else {}
            case path:
                counts: Counter[str] = Counter()
                for one in fitting:
                    counts.update(set(one.values[path]))
                return dict(counts)


def questions(now: datetime) -> list[Question]:
    """Returns the queries without filters by source, day and topic, and then each filter."""
    days = {"from": (now - timedelta(days=2)).date().isoformat(), "to": now.date().isoformat()}
    return [
        *(Question(path, {}) for path in KEYS),
        Question("recent", {}),
        Question("sentiment", {}),
        Question("topics", {"language": "de"}),
        Question("sources", {"license": "Web Crawl"}),
        Question("timeline", {"source": "story-wire"}),
        Question("topics", {**days, "language": "en", "license": "Newsstand Standard"}),
    ]


async def must_be_counted(world: World) -> list[Counted]:
    """Returns the articles that must be counted: held, and neither revoked nor swept."""
    truth = await world.simulator.truth(facets=True)
    expected = expected_of(world, truth)
    facets = truth.facets or {}
    found = []
    for article_id in expected.held.keys() - expected.swept:
        written = world.written.get(article_id)
        if written is None:
            found.append(delivered(article_id, facets[article_id.removeprefix(f"{METABASE}:")]))
        else:
            found.append(submitted(article_id, written.body))
    return found


def delivered(article_id: str, facts: FacetsTruth) -> Counted:
    """What an article of the provider is counted under."""
    values: dict[str, Collection[str]] = {
        "sources": [f"feed:{facts.feed_id}"],
        "topics": facts.topics,
        "authors": [facts.author] if facts.author else [],
        "licenses": facts.licenses,
        "companies": facts.companies,
        "locations": [code.upper() for code in facts.countries],
        "entities": facts.entities,
        "tags": facts.tags,
    }
    sentiment = float(facts.sentiment) if facts.sentiment else None
    return _counted(article_id, facts.published, facts.language_code, values, sentiment)


def submitted(article_id: str, body: Mapping[str, Any]) -> Counted:
    """What an article that we wrote is counted under."""
    values = {
        "sources": [body["source"]["key"]],
        "authors": body["authors"],
        "licenses": [licence["name"] for licence in body["licences"]],
        "tags": body.get("tags", ()),
        **dict.fromkeys(("topics", "companies", "locations", "entities"), ()),
    }
    return _counted(article_id, body["published_at"], body["language"], values, None)


def _counted(
    article_id: str,
    written: str,
    language: str,
    values: dict[str, Collection[str]],
    sentiment: float | None,
) -> Counted:
    at = datetime.fromisoformat(written)
    published = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    values["timeline"] = [f"{published.date().isoformat()}T00:00:00Z"]
    return Counted(article_id, published, language, values, sentiment)


async def counts_of(world: World, question: Question) -> dict[str, int]:
    """Returns the API's answer.

    Raises:
        Broken: it did not answer.
    """
    params, items = {**question.params, "limit": str(LIMIT)}, []
    while True:
        answer = await world.analytics.get(f"/analytics/{question.path}", params=params)
        if answer.status_code != OK:
            raise Broken(
                f"analytics answered {question.words} with {answer.status_code}: {answer.text[:300]}"
            )
        page = answer.json()
        items += page["items"]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    match question.path:
        case "recent":
            return {item["article_id"]: 1 for item in items}
        case "sentiment":
            sums = [(item["articles"], round(100 * item["mean"] * item["articles"])) for item in items]
            return {"articles": sums[0][0], "hundredths": sums[0][1]} if sums else {}
        case path:
            return {item[KEYS[path]]: item["articles"] for item in items}


def differences(expected: Mapping[str, int], found: Mapping[str, int]) -> tuple[str, ...]:
    """Returns the differences, as text."""
    wrong = sorted(one for one in expected.keys() | found.keys() if expected.get(one, 0) != found.get(one, 0))
    more = (f"and {len(wrong) - SHOWN} more",) if len(wrong) > SHOWN else ()
    return (
        *(f"{one}: {found.get(one, 0)} instead of {expected.get(one, 0)}" for one in wrong[:SHOWN]),
        *more,
    )


async def compare(world: World, when: str) -> None:
    """Sends every query when analytics has caught up, and records each answer and its differences."""
    must = await must_be_counted(world)
    every = questions(datetime.now(UTC))
    for question in every:
        wanted = question.answer(must)
        found = await _once_right(world, question, wanted)
        note = CountsSeen(when, question.words, sum(wanted.values()), differences(wanted, found))
        world.history.counts.append(note)
        if note.differs:
            world.printer.bad(f"analytics does not count as expected {when}: {question.words}")
            return
    sizes = [f"{len(question.answer(must)):,} {question.path}" for question in every[: len(KEYS)]]
    world.printer.line(
        f"analytics counts {len(must):,} articles {when}: {', '.join(sizes).replace('timeline', 'days')}, "
        f"and {len(every) - len(KEYS)} other queries, all as expected"
    )


async def _once_right(world: World, question: Question, wanted: Mapping[str, int]) -> Mapping[str, int]:
    """Returns the answer as soon as it is as expected; otherwise the last one."""
    found: dict[str, int] = {}

    async def right() -> bool:
        nonlocal found
        found = await counts_of(world, question)
        return found == wanted

    with suppress(Broken):
        await world.until(question.words, right, within_s=WITHIN_S, every_s=0.25)
    return found
