"""Compares analytics' counts with the expected ones: from the provider's data and the other writers' lists."""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from clawback_story.history import CountsSeen
from clawback_story.inspection import expected_of
from clawback_story.world import METABASE, Broken, World

LIMIT = 500
WITHIN_S = 45.0
OK = 200
SHOWN = 3
KEYS = {"sources": "source", "timeline": "start", "topics": "topic"}
"""The key of an item, by endpoint."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one article must be counted under."""

    article_id: str
    day: date
    source: str
    language: str
    licences: frozenset[str]
    topics: frozenset[str]


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
            params.get("from", "0001") <= one.day.isoformat() <= params.get("to", "9999")
            and params.get("language", one.language) == one.language
            and params.get("source", one.source) == one.source
            and ("license" not in params or params["license"] in one.licences)
        )

    def answer(self, articles: Iterable[Counted]) -> dict[str, int]:
        """Returns the expected answer: articles by source, day or topic."""
        counts: Counter[str] = Counter()
        for one in filter(self.fits, articles):
            match self.path:
                case "sources":
                    counts[one.source] += 1
                case "timeline":
                    counts[f"{one.day.isoformat()}T00:00:00Z"] += 1
                case _:
                    counts.update(one.topics)
        newest = sorted(counts, reverse=True)[:LIMIT] if self.path == "timeline" else counts
        return {name: counts[name] for name in newest}


def questions(now: datetime) -> list[Question]:
    """Returns the queries without filters by source, day and topic, and then each filter."""
    days = {"from": (now - timedelta(days=2)).date().isoformat(), "to": now.date().isoformat()}
    return [
        *(Question(path, {}) for path in KEYS),
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
            facts = facets[article_id.removeprefix(f"{METABASE}:")]
            found.append(
                Counted(
                    article_id,
                    _day(facts.published),
                    f"feed:{facts.feed_id}",
                    facts.language_code,
                    frozenset(facts.licenses),
                    frozenset(facts.topics),
                )
            )
        else:
            body = written.body
            found.append(
                Counted(
                    article_id,
                    _day(body["published_at"]),
                    body["source"]["key"],
                    body["language"],
                    frozenset(licence["name"] for licence in body["licences"]),
                    frozenset(),
                )
            )
    return found


def _day(written: str) -> date:
    at = datetime.fromisoformat(written)
    return (at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)).date()


async def counts_of(world: World, question: Question) -> dict[str, int]:
    """Returns the API's answer.

    Raises:
        Broken: it did not answer.
    """
    params = {**question.params, "limit": str(LIMIT)}
    answer = await world.analytics.get(f"/analytics/{question.path}", params=params)
    if answer.status_code != OK:
        raise Broken(f"analytics answered {question.words} with {answer.status_code}: {answer.text[:300]}")
    key = KEYS[question.path]
    return {item[key]: item["articles"] for item in answer.json()["items"]}


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
    by_source, by_day, by_topic = (every[number].answer(must) for number in range(3))
    world.printer.line(
        f"analytics counts {len(must):,} articles {when}: {len(by_source)} sources, {len(by_day)} days, "
        f"{len(by_topic)} topics, and {len(every) - 3} filtered queries, all as expected"
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
