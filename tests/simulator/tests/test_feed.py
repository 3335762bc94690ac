"""The articles feed: order, cursors, limits, slices, forms."""

from itertools import pairwise
from statistics import mean
from typing import Any

import httpx
import pytest

from clawback_simulator.client import SimulatorClient
from clawback_simulator.simulator import Simulator
from clawback_simulator.world import SEQUENCE_STEP_MAX, SEQUENCE_STEP_MIN


async def test_a_walk_from_zero_returns_every_article_once_in_sequence(
    control: SimulatorClient, reader: Any
) -> None:
    published = await control.publish(250)
    found = await reader.walk(limit=100)
    assert [one["id"] for one in found] == published.ids
    numbers = [int(one["sequenceId"]) for one in found]
    assert numbers == sorted(set(numbers))


async def test_sequence_steps_are_sparse_and_as_wide_as_observed(
    simulator: Simulator, control: SimulatorClient
) -> None:
    await control.publish(5_000)
    numbers = simulator.world.sequences
    steps = [after - before for before, after in pairwise(numbers)]
    assert min(steps) >= SEQUENCE_STEP_MIN
    assert max(steps) <= SEQUENCE_STEP_MAX
    assert 350 < mean(steps) < 430
    assert numbers[0] > 2**32


async def test_ids_go_backwards_along_the_sequence(control: SimulatorClient) -> None:
    ids = list(map(int, (await control.publish(400)).ids))
    backwards = sum(after < before for before, after in pairwise(ids))
    assert 50 < backwards < 150


async def test_a_cursor_is_exclusive_and_past_the_end_is_an_empty_success(
    control: SimulatorClient, reader: Any
) -> None:
    published = await control.publish(3)
    page = await reader.json("articles", sequence_id=published.first_sequence)
    assert [one["id"] for one in page["articles"]] == published.ids[1:]
    empty = await reader.json("articles", sequence_id=published.last_sequence)
    assert empty == {"status": "SUCCESS", "articles": []}


async def test_without_a_cursor_only_the_newest_is_returned(control: SimulatorClient, reader: Any) -> None:
    published = await control.publish(3)
    page = await reader.json("articles")
    assert [one["id"] for one in page["articles"]] == published.ids[-1:]


async def test_both_formats_have_the_same_content(control: SimulatorClient, reader: Any) -> None:
    await control.publish(200)
    as_json = (await reader.json("articles", sequence_id=0))["articles"]
    as_xml = (await reader.xml("articles", sequence_id=0)).findall("articles/article")
    for one, element in zip(as_json, as_xml, strict=True):
        for name in ("sequenceId", "id", "title", "content", "publishedDate", "url", "duplicateGroupId"):
            assert (element.findtext(name) or "") == one[name]
        assert [topic["name"] for topic in one["topics"]] == [
            e.findtext("name") for e in element.findall("topics/topic")
        ]
        assert len(one["companies"]) == len(element.findall("companies/company"))
        assert one["source"]["feed"]["id"] == element.findtext("source/feed/id")


async def test_articles_are_as_odd_as_real_ones(control: SimulatorClient, reader: Any) -> None:
    await control.publish(1_500)
    found = await reader.walk()
    text = "".join(one["content"] for one in found)
    assert all(noise in text for noise in ("\r", "\ufeff", "\x80", "&nbsp;", " < "))
    groups = [one for one in found if one["duplicateGroupId"] != one["id"]]
    assert 0.12 < len(groups) / len(found) < 0.20
    assert all(int(one["duplicateGroupId"]) < int(one["id"]) for one in groups)
    bodiless = [one for one in found if one["content"] in {"", "_", "__"}]
    assert 0.04 < len(bodiless) / len(found) < 0.18
    assert any(one["publishedDate"] < "2025" for one in found)
    assert any(one["publishedDate"] > one["harvestDate"] for one in found)
    assert all(one["source"]["id"] == "" for one in found)
    names = [[company["name"] for company in one["companies"]] for one in found]
    assert any(len(set(listed)) < len(listed) for listed in names)
    assert any("commentsUrl" not in one for one in found)


async def test_the_texts_are_about_as_long_as_requested(control: SimulatorClient, reader: Any) -> None:
    await control.publish(3, body_bytes=20_000, without_body=False)
    assert all(19_000 < len(one["content"]) <= 20_100 for one in await reader.walk())


async def test_dates_can_be_requested(control: SimulatorClient, reader: Any) -> None:
    await control.script({"action": "set_clock", "at": "2026-11-01T00:00:00Z", "frozen": True})
    await control.publish(
        1,
        embargo_s=3600,
        license_end_s=7200,
        content_license_end_s=-60,
        dated_days_ago=3650,
        without_body=True,
    )
    (one,) = await reader.walk()
    assert one["embargoDate"] == "2026-11-01T01:00:00Z"
    assert one["licenseEndDate"] == "2026-11-01T02:00:00Z"
    assert one["contentLicenseEndDate"] == "2026-10-31T23:59:00Z"
    assert one["publishedDate"].startswith("2016-11-0")
    assert one["content"] in {"", "_", "__"}


@pytest.mark.parametrize("limit", [0, 501, -1])
async def test_a_limit_out_of_range_is_refused_or_clamped(
    control: SimulatorClient, reader: Any, limit: int
) -> None:
    await control.publish(3)
    assert await reader.code("articles", sequence_id=0, limit=limit) == "1007"
    await control.set(limit_policy="clamp")
    page = await reader.json("articles", sequence_id=0, limit=limit)
    assert len(page["articles"]) == (3 if limit > 0 else 1)


async def test_a_cursor_older_than_the_window_is_resumed_or_refused(
    control: SimulatorClient, reader: Any
) -> None:
    old = await control.publish(2)
    await control.advance_clock(days=4)
    new = await control.publish(2)
    page = await reader.json("articles", sequence_id=old.first_sequence)
    assert [one["id"] for one in page["articles"]] == new.ids
    assert [one["id"] for one in await reader.walk()] == new.ids
    await control.set(old_cursor="refuse")
    assert await reader.code("articles", sequence_id=old.first_sequence) == "1008"
    assert await reader.code("articles", sequence_id=old.last_sequence) is None
    assert await reader.code("articles", sequence_id=0) is None


async def test_slices_part_the_feed_without_overlap(control: SimulatorClient, reader: Any) -> None:
    published = await control.publish(120)
    parts = [await reader.walk(limit=30, number_of_slices=3, slice_number=number) for number in range(3)]
    assert sorted(one["id"] for part in parts for one in part) == sorted(published.ids)
    assert all(parts)
    await control.set(slice_base=1)
    assert await reader.walk(number_of_slices=3, slice_number=3) == parts[2]


async def test_compact_omits_empty_fields(control: SimulatorClient, reader: Any) -> None:
    await control.publish(5)
    whole = (await reader.json("articles", sequence_id=0))["articles"]
    compact = (await reader.json("articles", sequence_id=0, compact="true"))["articles"]
    assert all("" not in one.values() and "semantics" not in one for one in compact)
    assert [one["id"] for one in compact] == [one["id"] for one in whole]


async def test_gzip_is_used_only_when_requested(control: SimulatorClient, reader: Any) -> None:
    await control.publish(20)
    plain = await reader.http.get(
        "/api/v10/articles?key=k&sequence_id=0", headers={"accept-encoding": "identity"}
    )
    packed = await reader.http.get(
        "/api/v10/articles?key=k&sequence_id=0", headers={"accept-encoding": "gzip"}
    )
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < len(plain.content) / 2


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize("packed", [True, False])
async def test_pages_rendered_beforehand_are_the_same_pages(
    control: SimulatorClient, reader: Any, simulator: Simulator, form: str, *, packed: bool
) -> None:
    await control.publish(25)
    fresh: httpx.Response = await reader.get("articles", sequence_id=0, limit=10, format=form)
    assert await control.prerender(form, limit=10, gzip=packed) == 3
    assert len(simulator.pages) == 3
    cached: httpx.Response = await reader.get("articles", sequence_id=0, limit=10, format=form)
    assert cached.content == fresh.content
    plain = await reader.http.get(
        f"/api/v10/articles?key=k&sequence_id=0&limit=10&format={form}",
        headers={"accept-encoding": "identity"},
    )
    assert plain.content == fresh.content
    assert "content-encoding" not in plain.headers


async def test_pages_rendered_beforehand_do_not_hide_later_articles(
    control: SimulatorClient, reader: Any
) -> None:
    await control.publish(15)
    await control.prerender("json", limit=10)
    later = await control.publish(3)
    found = await reader.walk(limit=10)
    assert [one["id"] for one in found][-3:] == later.ids
    assert len(found) == 18


async def test_the_schema_is_well_formed_and_names_the_articles_fields(reader: Any) -> None:
    answer = await reader.http.get("/schema/articles10.xsd")
    assert answer.headers["content-type"].startswith("application/xml")
    assert 'name="sequenceId"' in answer.text


async def test_the_same_seed_and_script_give_the_same_bytes(control: SimulatorClient, reader: Any) -> None:
    async def play(seed: int) -> bytes:
        await control.reset(seed)
        await control.script(
            {"action": "set_clock", "at": "2026-11-01T00:00:00Z", "frozen": True},
            {"action": "publish", "count": 30},
            {"action": "revoke", "count": 5, "unknown": 2, "reserved": 2},
            {"action": "redeliver", "count": 2},
        )
        pages = [await reader.get(name, sequence_id=0) for name in ("articles", "revokedArticles")]
        return b"".join(page.content for page in pages)

    assert await play(3) == await play(3)
    assert await play(3) != await play(4)
