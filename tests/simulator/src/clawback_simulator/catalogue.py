"""What the articles of one seed share: sources, companies, people, and a stock of paragraphs."""

from random import Random
from typing import Any

from clawback_simulator import words

Wire = dict[str, Any]
"""A part of an article in wire format: nearly every scalar is a string; "" is an empty element."""

PARAGRAPHS = 800
SOURCES = 160
COMPANIES = 90


class Fixed(Wire):
    """A part that is identical in many articles; the XML writer caches its rendering here."""

    xml: str | None = None


class Catalogue:
    """The stock of one seed. Equal seeds have equal stocks."""

    def __init__(self, seed: int) -> None:
        rng = Random(f"{seed}:catalogue")
        self.paragraphs = [paragraph(rng) for _ in range(PARAGRAPHS)]
        self.sources = [source(rng, number) for number in range(SOURCES)]
        self.companies = [company(rng) for _ in range(COMPANIES)]
        self.entities = [entity(rng) for _ in range(120)]
        self.locations = [location(rng, place) for place in words.PLACES]
        self.topics = [Fixed(name=name, group=group) for name, group in words.TOPICS]
        self.without_body = rng.uniform(0.05, 0.17)


def sentence(rng: Random) -> str:
    """Returns one sentence of 40 to 160 characters."""
    thing = f"{rng.choice(words.ADJECTIVES)} {rng.choice(words.NOUNS)}"
    subject = f"{rng.choice(words.PEOPLE)} {rng.choice(words.VERBS)} the {thing}"
    if rng.random() < 0.6:
        return f"{rng.choice(words.OPENINGS)} {subject} {rng.choice(words.CLAUSES)}."
    return f"{subject.capitalize()} {rng.choice(words.CLAUSES)}."


def paragraph(rng: Random) -> str:
    """Returns three to five sentences; one in six contains noise, one in forty is in another script."""
    lines = [sentence(rng) for _ in range(rng.randint(3, 5))]
    if rng.random() < 1 / 6:
        lines.insert(rng.randrange(len(lines)), rng.choice(words.NOISE))
    if rng.random() < 1 / 40:
        lines.append(rng.choice(words.FOREIGN_LINES))
    return " ".join(lines)


def person(rng: Random) -> str:
    """Returns a first and a last name."""
    return f"{rng.choice(words.FIRST_NAMES)} {rng.choice(words.LAST_NAMES)}"


def source(rng: Random, number: int) -> Fixed:
    """Returns a source: its own id is always empty, its place, category and rank often."""
    place = rng.choice(words.PLACES)
    name = f"{place[0]} {rng.choice(words.PAPER_NAMES)}"
    home = f"http://www.{name.lower().replace(' ', '-')}-{number}.example"
    located, ranked = rng.random() < 0.66, rng.random() < 0.35
    kind = rng.choice(["News", "Blog", "Press Wire", "Journal"])
    return Fixed(
        id="",
        name=name,
        homeUrl=home,
        publisher=rng.choice([f"{rng.choice(words.COMPANY_STEMS)} Media", ""]),
        primaryLanguage=rng.choice(words.LANGUAGES)[0],
        primaryMediaType=kind,
        category=rng.choice(["National", "Local", "Trade"]) if ranked else "",
        editorialRank=str(rng.randint(1, 5)) if ranked else "",
        location=_source_location(place) if located else {"country": "", "countryCode": ""},
        metrics={},
        feed={
            "id": str(168_000_000 + number * 977),
            "name": f"{name} - {rng.choice(words.TOPICS)[0]}",
            "url": f"{home}/feed.xml",
            "mediaType": kind,
            "publishingPlatform": "",
            "rank": {"autoRank": str(rng.randint(1, 10)), "autoRankOrder": str(rng.randint(1, 400_000))},
            "inWhiteList": rng.choice(["true", "false"]),
            "genre": "General",
        },
    )  # fmt: skip


def _source_location(place: tuple[Any, ...]) -> Wire:
    return {
        "country": place[1], "countryCode": place[2], "region": place[3], "subregion": place[4], "state": place[5],
        "zipArea": "", "zipCode": "",
    }  # fmt: skip


def company(rng: Random) -> list[Wire]:
    """Returns a company as its listings: one entry each, so the same name occurs several times."""
    name = f"{rng.choice(words.COMPANY_STEMS)} {rng.choice(words.COMPANY_KINDS)}"
    listings = rng.choices([1, 2, 3, 7], weights=[70, 18, 10, 2])[0]
    return [
        Fixed(
            name=name,
            symbol="".join(rng.choices("ABCDEFGHKLMNPRSTVW", k=rng.randint(2, 4))),
            exchange=rng.choice(words.EXCHANGES),
            isin=f"XX{rng.randrange(10**9):09d}{rng.randrange(10)}",
            cusip="",
            titleCount=rng.choice([0, 0, 1]),
            contentCount=rng.randint(1, 9),
            primary=number == 0,
        )
        for number in range(listings)
    ]


def location(rng: Random, place: tuple[Any, ...]) -> Wire:
    """Returns a place that an article mentions; a sea has no country."""
    return Fixed(
        name=place[0],
        type="Sea" if not place[1] else "City",
        **{"class": "Nature" if not place[1] else "Populated"},
        mentions=str(rng.randint(1, 6)),
        confidence=f"{rng.random():.2f}",
        country={"name": place[1], "isoCode": place[2]} if place[1] else {},
        region=place[3],
        subregion=place[4],
        state={"name": place[5]} if place[5] else {},
        latitude=str(place[6]),
        longitude=str(place[7]),
    )


def entity(rng: Random) -> Wire:
    """Returns an entity that the provider extracted from a text, as a list of named properties."""
    kind = rng.choice(["Person", "Company", "City"])
    value = person(rng) if kind == "Person" else rng.choice(words.COMPANY_STEMS)
    pairs = {
        "type": kind,
        "value": value,
        "instances": str(rng.randint(1, 8)),
        "relevance": f"{rng.random():.3f}",
    }
    return Fixed(properties=[{"name": name, "value": text} for name, text in pairs.items()])
