"""Injected failures of answers, and injected errors of articles."""

import asyncio
import gzip
import time
import zlib
from typing import Any

import httpx
import pytest
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from clawback_simulator.actions import Corruption
from clawback_simulator.client import SimulatorClient
from clawback_simulator.faults import DEPTH


async def test_a_key_that_calls_too_often_gets_429_with_retry_after(
    control: SimulatorClient, reader: Any
) -> None:
    await control.fail("articles", "rate_limited", times=2, retry_after_s=7)
    answers = [await reader.get("articles") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("mode", "options"), [("rate_limited", {}), ("unavailable", {}), ("failure", {"code": 1004})]
)
async def test_a_call_before_a_retry_after_is_over_counts_as_hasty_at_any_endpoint(
    control: SimulatorClient, reader: Any, mode: Any, options: dict[str, Any]
) -> None:
    await control.fail("articles", mode, retry_after_s=90, **options)
    assert (await reader.get("articles")).headers["retry-after"] == "90"
    await reader.get("revokedArticles")
    await control.advance_clock(seconds=91)
    await reader.get("revokedArticles")
    calls = (await control.truth()).calls
    assert {name: (one.total, one.hasty) for name, one in calls.items()} == {
        "articles": (1, 0),
        "revokedArticles": (2, 1),
    }


@pytest.mark.parametrize(("mode", "status"), [("error", 500), ("unavailable", 503)])
async def test_server_errors_have_their_status(
    control: SimulatorClient, reader: Any, mode: Any, status: int
) -> None:
    await control.fail("*", mode)
    await control.fail("*", mode, status=502)
    assert [(await reader.get("articles")).status_code for _ in range(3)] == [status, 502, 200]


async def test_a_late_answer_is_correct(control: SimulatorClient, reader: Any) -> None:
    await control.publish(2)
    await control.fail("articles", "hang", hang_s=0.15)
    started = time.monotonic()
    page = await reader.json("articles", sequence_id=0)
    assert time.monotonic() - started > 0.14
    assert len(page["articles"]) == 2


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_a_truncated_answer_is_the_start_of_the_correct_one(
    control: SimulatorClient, reader: Any, form: str, encoding: str
) -> None:
    await control.publish(5)
    url = f"/api/v10/articles?key=k&sequence_id=0&format={form}"
    await control.fail("articles", "truncated")
    cut = await reader.http.get(url, headers={"accept-encoding": encoding})
    whole = await reader.http.get(url, headers={"accept-encoding": encoding})
    assert cut.status_code == 200
    assert whole.content.startswith(cut.content)
    assert len(cut.content) < len(whole.content)


async def test_a_page_of_html_has_status_200(control: SimulatorClient, reader: Any) -> None:
    await control.fail("articles", "html")
    answer = await reader.get("articles")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


async def test_an_empty_answer_has_status_200(control: SimulatorClient, reader: Any) -> None:
    await control.fail("revokedArticles", "empty")
    answer = await reader.get("revokedArticles")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_right_answer_can_have_a_wrong_type(control: SimulatorClient, reader: Any) -> None:
    await control.publish(1)
    await control.fail("articles", "wrong_content_type")
    answer = await reader.get("articles", sequence_id=0)
    assert answer.headers["content-type"] == "image/png"
    assert answer.text.startswith("<?xml")


async def test_an_entity_bomb_is_one(control: SimulatorClient, reader: Any) -> None:
    await control.fail("articles", "entity_bomb")
    answer = await reader.get("articles")
    with pytest.raises(DefusedXmlException):
        ElementTree.fromstring(answer.content)


@pytest.mark.parametrize(("form", "opening"), [("json", b"["), ("xml", b"<a>")])
async def test_a_depth_bomb_is_deep(control: SimulatorClient, reader: Any, form: str, opening: bytes) -> None:
    await control.fail("articles", "depth_bomb")
    assert opening * DEPTH in (await reader.get("articles", format=form)).content


async def test_a_gzip_bomb_is_small_on_the_wire_and_large_unpacked(
    control: SimulatorClient, reader: Any
) -> None:
    await control.fail("articles", "gzip_bomb", bomb_bytes=8 << 20)
    async with reader.http.stream("GET", "/api/v10/articles?key=k") as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert len(raw) < 50_000
    assert len(gzip.decompress(raw)) > 8 << 20


async def test_a_body_labelled_gzip_may_not_be_gzip(control: SimulatorClient, reader: Any) -> None:
    await control.fail("articles", "not_gzip")
    with pytest.raises(httpx.DecodingError) as caught:
        await reader.get("articles")
    assert isinstance(caught.value.__cause__, zlib.error)


async def test_a_failure_has_its_code_and_status(control: SimulatorClient, reader: Any) -> None:
    await control.fail("articles", "failure", code=9002, status=503)
    answer = await reader.get("articles", format="json")
    assert (answer.status_code, answer.json()["messageCode"]) == (503, "9002")


async def test_failures_are_queued_by_endpoint_and_can_be_removed(
    control: SimulatorClient, reader: Any
) -> None:
    await control.script(
        {"action": "fail", "endpoint": "articles", "mode": "error", "skip": 2},
        {"action": "fail", "endpoint": "*", "mode": "unavailable", "times": 5},
    )
    assert [(await reader.get("articles")).status_code for _ in range(2)] == [200, 200]
    assert (await reader.get("revokedArticles")).status_code == 503
    assert (await reader.get("articles")).status_code == 500
    assert (await reader.get("articles")).status_code == 503
    truth = await control.truth()
    assert truth.pending_failures == [{"endpoint": "*", "mode": "unavailable", "skip": 0, "left": 3}]
    assert truth.calls["articles"].injected == {"error": 1, "unavailable": 1}
    assert await control.heal() == 3
    assert (await reader.get("articles")).status_code == 200


async def test_an_injected_failure_does_not_use_up_the_pause(control: SimulatorClient, reader: Any) -> None:
    await control.set(pause_s=60)
    await control.fail("articles", "error")
    await reader.get("articles")
    assert await reader.code("articles") is None


async def spoilt(control: SimulatorClient, reader: Any, mode: Corruption) -> dict[str, Any]:
    """Returns the middle one of three articles, which has the error."""
    await control.publish(1)
    await control.publish(1, corrupt=mode)
    await control.publish(1)
    page: list[dict[str, Any]] = (await reader.json("articles", sequence_id=0))["articles"]
    assert len(page) == 3
    assert all(one["id"].isdigit() for one in (page[0], page[2]))
    return page[1]


async def test_one_article_can_lack_its_identifiers(control: SimulatorClient, reader: Any) -> None:
    assert "id" not in await spoilt(control, reader, "no_id")
    await control.reset()
    assert "sequenceId" not in await spoilt(control, reader, "no_sequence")
    await control.reset()
    assert not (await spoilt(control, reader, "id_text"))["id"].isdigit()
    await control.reset()
    assert await spoilt(control, reader, "bare") == {}
    assert b"<article/>" in (await reader.get("articles", sequence_id=0)).content.replace(b" ", b"").replace(
        b"<article></article>", b"<article/>"
    )


@pytest.mark.parametrize(
    ("mode", "field"),
    [("bad_date", "publishedDate"), ("bad_embargo", "embargoDate"), ("bad_license_end", "licenseEndDate")],
)
async def test_one_article_can_have_an_invalid_date(
    control: SimulatorClient, reader: Any, mode: Any, field: str
) -> None:
    assert (await spoilt(control, reader, mode))[field] == "the 31st of February"


async def test_one_article_can_have_numbers_unknown_elements_or_a_huge_text(
    control: SimulatorClient, reader: Any
) -> None:
    numbers = await spoilt(control, reader, "numbers")
    assert isinstance(numbers["id"], int)
    assert numbers["adultLanguage"] is False
    await control.reset()
    assert "carbonFootprint" in await spoilt(control, reader, "unknown_elements")
    await control.reset()
    assert len((await spoilt(control, reader, "huge_body"))["content"]) > 900_000


async def test_a_nul_spoils_the_whole_page_in_xml_and_one_article_in_json(
    control: SimulatorClient, reader: Any
) -> None:
    assert "\x00" in (await spoilt(control, reader, "nul"))["content"]
    with pytest.raises(ElementTree.ParseError):
        await reader.xml("articles", sequence_id=0)


async def test_published_articles_can_be_spoilt_and_healed(control: SimulatorClient, reader: Any) -> None:
    published = await control.publish(2)
    await control.prerender("json")
    await control.script({"action": "corrupt", "ids": published.ids[:1], "mode": "no_id"})
    assert [one.get("id") for one in await reader.walk()] == [None, published.ids[1]]
    assert (await control.truth()).live_ids == {published.ids[1]}
    await control.script({"action": "corrupt", "ids": published.ids[:1], "mode": None})
    assert [one.get("id") for one in await reader.walk()] == published.ids


async def test_drift_adds_unknown_elements_to_every_article(control: SimulatorClient, reader: Any) -> None:
    await control.publish(3)
    await control.set(drift=True)
    page = (await reader.xml("articles", sequence_id=0)).findall("articles/article")
    assert all(one.findtext("carbonFootprint/grams") == "12" for one in page)
    assert all(one.find("source/trustLabel") is not None for one in page)


async def test_the_clock_can_be_wrong(control: SimulatorClient, reader: Any) -> None:
    await control.script({"action": "set_clock", "at": "2026-11-01T12:00:00Z", "frozen": True})
    await control.advance_clock(hours=-2)
    answer = await reader.get("articles")
    assert answer.headers["date"] == "Sun, 01 Nov 2026 10:00:00 GMT"
    await control.script({"action": "set_clock", "at": "2026-11-01T12:00:00Z"})
    before = (await control.truth()).now
    await asyncio.sleep(1.01)
    assert (await control.truth()).now > before
