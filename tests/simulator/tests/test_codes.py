"""Rejections: each code, in each format."""

from typing import Any

import pytest

from clawback_simulator.client import SimulatorClient
from clawback_simulator.codes import MESSAGES


@pytest.mark.parametrize(
    ("name", "params", "code"),
    [
        ("articles", {"key": ""}, "1000"),
        ("articles", {"limit": "many"}, "1007"),
        ("articles", {"sequence_id": "new"}, "1008"),
        ("articles", {"sequence_id": "-1"}, "1008"),
        ("articles", {"sequence_id": str(2**63)}, "1008"),
        ("articles", {"number_of_slices": "x", "slice_number": 0}, "1009"),
        ("articles", {"number_of_slices": 2, "slice_number": 2}, "1010"),
        ("articles", {"slice_number": 0}, "1011"),
        ("articles", {"number_of_slices": 2}, "1012"),
        ("articles", {"slice": 0}, "1022"),
        ("revokedArticles", {"sequenceId": "0"}, "1022"),
        ("revokedArticles", {"sequence_id": "abc"}, "1008"),
        ("revokedArticles", {"sequence_id": ""}, "1008"),
        ("revokedArticles", {"limit": 10_001}, "1007"),
        ("searchArticles", {"query": "a" * 10_001}, "1020"),
        ("searchArticles", {"query": "(a"}, "1021"),
        ("searchArticles", {"query": ""}, "1021"),
        ("searchArticles", {"query": "a", "relevance_percent": "101"}, "1019"),
        ("rateLimits", {"limit": 1}, "1022"),
    ],
)
async def test_a_rejected_request_gets_the_providers_code(
    reader: Any, name: str, params: dict[str, Any], code: str
) -> None:
    assert await reader.code(name, **params) == code


async def test_an_unknown_format_is_refused_in_xml(reader: Any) -> None:
    root = await reader.xml("articles", format="yaml")
    assert root.findtext("messageCode") == "1016"


async def test_keys_are_rejected_as_configured(control: SimulatorClient, reader: Any) -> None:
    await control.set(keys=["good"], key_codes={"expired": 1003}, slicing="refused")
    assert await reader.code("articles", key="good") is None
    assert await reader.code("articles", key="bad") == "1000"
    assert await reader.code("articles", key="expired") == "1003"
    assert await reader.code("articles", key="good", number_of_slices=2, slice_number=0) == "1013"


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize("code", sorted(MESSAGES))
async def test_every_code_can_be_injected(
    control: SimulatorClient, reader: Any, code: int, form: str
) -> None:
    await control.fail("articles", "failure", code=code)
    answer = await reader.get("articles", format=form)
    assert answer.status_code == 200
    assert str(code) in answer.text
    assert "FAILURE" in answer.text


async def test_a_failure_has_status_200_or_4xx_and_new_or_old_fields(
    control: SimulatorClient, reader: Any
) -> None:
    await control.set(failure_status="natural", failure_field="message")
    answer = await reader.get("articles", key="", format="json")
    assert answer.status_code == 401
    assert answer.json()["message"] == "Invalid key"
    assert "userMessage" not in answer.json()
    await control.set(failure_status=418)
    assert (await reader.get("articles", limit=0)).status_code == 418


async def test_a_call_within_the_pause_is_rejected_and_does_not_extend_it(
    control: SimulatorClient, reader: Any
) -> None:
    await control.script({"action": "set_clock", "at": "2026-11-01T00:00:00Z", "frozen": True})
    await control.set(pause_s=20)
    assert await reader.code("articles") is None
    await control.advance_clock(seconds=19)
    assert await reader.code("articles") == "1004"
    assert await reader.code("revokedArticles") == "1004"
    assert await reader.code("articles", key="another") is None
    await control.advance_clock(seconds=1)
    assert await reader.code("articles") is None
    truth = await control.truth()
    assert truth.calls["articles"].paused == 1
    assert truth.calls["articles"].failures == {"1004": 1}
    assert truth.calls["articles"].ok == 3


async def test_the_scope_of_a_pause_can_be_set(control: SimulatorClient, reader: Any) -> None:
    await control.set(pause_s=20, pause_scope="endpoint")
    assert await reader.code("articles", number_of_slices=2, slice_number=0) is None
    assert await reader.code("revokedArticles") is None
    assert await reader.code("articles", number_of_slices=2, slice_number=1) == "1004"
    await control.set(pause_scope="slice")
    assert await reader.code("articles", number_of_slices=2, slice_number=0) is None
    assert await reader.code("articles", number_of_slices=2, slice_number=1) is None
    assert await reader.code("articles", number_of_slices=2, slice_number=1) == "1004"


async def test_the_quota_per_minute_resets_with_the_clocks_minute(
    control: SimulatorClient, reader: Any
) -> None:
    await control.script({"action": "set_clock", "at": "2026-11-01T00:00:59Z", "frozen": True})
    await control.publish(1)
    await reader.json("searchArticles", query="title:cnry")
    before = (await reader.json("rateLimits"))["rateLimits"]
    assert before[0] == {"unit": "MINUTE", "limit": "3", "counter": "1"}
    await control.advance_clock(seconds=1)
    after = await reader.xml("rateLimits")
    assert [one.findtext("counter") for one in after.findall("rateLimits/rateLimit")] == ["0", "1", "1"]
