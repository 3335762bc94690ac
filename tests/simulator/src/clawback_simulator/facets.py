"""What an article in wire format can be counted by."""

from collections.abc import Callable
from typing import Any

from clawback_simulator.catalogue import Wire


def _entity(properties: list[dict[str, str]]) -> str:
    pairs = {one["name"]: one["value"] for one in properties}
    return f"{pairs['type']}:{pairs['value']}"


FACETS: dict[str, Callable[[Wire], Any]] = {
    "published": lambda made: made["publishedDate"],
    "language_code": lambda made: made["languageCode"],
    "feed_id": lambda made: made["source"]["feed"]["id"],
    "topics": lambda made: tuple([one["name"] for one in made["topics"]]),
    "licenses": lambda made: tuple([one["name"] for one in made["licenses"]]),
    "author": lambda made: made["author"].get("name", ""),
    "companies": lambda made: tuple({one["name"] for one in made["companies"]}),
    "countries": lambda made: tuple({one["country"].get("isoCode", "") for one in made["locations"]} - {""}),
    "entities": lambda made: tuple({_entity(one["properties"]) for one in made["semantics"]["entities"]}),
    "tags": lambda made: tuple(made.get("tags", ())),
    "sentiment": lambda made: made["sentiment"].get("score", ""),
}
"""Reads each field of ``FacetsTruth`` from an article without injected errors."""
