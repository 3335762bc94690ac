"""Search: a subset of the query language, paging, and counts."""

from typing import Any

import pytest

from clawback_simulator.client import SimulatorClient


@pytest.fixture
async def found(control: SimulatorClient, reader: Any) -> list[dict[str, Any]]:
    await control.publish(150)
    everything: list[dict[str, Any]] = await reader.walk()
    return everything


def has(one: dict[str, Any], word: str) -> bool:
    return word in one["title"].lower() or word in one["content"].lower()


async def test_words_and_operators_are_evaluated(reader: Any, found: list[dict[str, Any]]) -> None:
    answer = await reader.json("searchArticles", query="ferry AND NOT (glacier OR tariff)", limit=200)
    wanted = [
        one["id"] for one in found if has(one, "ferry") and not has(one, "glacier") and not has(one, "tariff")
    ]
    assert [one["id"] for one in answer["articles"]] == wanted[::-1]
    assert wanted
    assert answer["totalResults"] == str(len(wanted))


async def test_fields_phrases_and_ranges_are_evaluated(reader: Any, found: list[dict[str, Any]]) -> None:
    middle = sorted(one["harvestDate"] for one in found)[75]
    query = f'languageCode:en source.name:"{found[0]["source"]["name"]}" harvestDate:[{middle} TO *]'
    answer = await reader.json("searchArticles", query=query, limit=200)
    wanted = [
        one["id"]
        for one in found
        if one["languageCode"] == "en"
        and found[0]["source"]["name"] in one["source"]["name"]
        and one["harvestDate"] >= middle
    ]
    assert [one["id"] for one in answer["articles"]] == wanted[::-1]


@pytest.mark.parametrize("sort", ["asc", "desc"])
async def test_a_search_pages_in_both_directions(reader: Any, found: list[dict[str, Any]], sort: str) -> None:
    first = await reader.json("searchArticles", query="title:cnry", limit=100, sort=sort)
    cursor = first["articles"][-1]["sequenceId"]
    second = await reader.json("searchArticles", query="title:cnry", limit=100, sort=sort, sequence_id=cursor)
    ids = [one["id"] for one in first["articles"] + second["articles"]]
    titled = [one["id"] for one in found if one["title"]]
    assert ids == (titled if sort == "asc" else titled[::-1])
    assert int(first["totalResults"]) - int(second["totalResults"]) == 100


async def test_scores_and_keywords_are_sent_only_when_requested(
    reader: Any, found: list[dict[str, Any]]
) -> None:
    assert found
    plain = await reader.json("searchArticles", query="title:cnry", limit=1)
    assert "relevanceScore" not in plain["articles"][0]
    root = await reader.xml(
        "searchArticles",
        query="title:cnry",
        limit=1,
        show_relevance_score="true",
        show_matching_keywords="true",
    )
    assert root.findtext("articles/article/relevanceScore")
    assert [one.text for one in root.findall("articles/article/matchingKeywords/matchingKeyword")] == [
        "title",
        "cnry",
    ]


async def test_the_total_may_be_too_high_when_duplicates_are_filtered(
    control: SimulatorClient, reader: Any
) -> None:
    published = await control.publish(1)
    await control.update(ids=published.ids)
    answer = await reader.json("searchArticles", query=f"id:{published.ids[0]}", filter_duplicates="true")
    assert len(answer["articles"]) == 1
    assert answer["totalResults"] == "2"
