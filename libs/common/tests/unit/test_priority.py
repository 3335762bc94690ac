"""Content is slowed down during urgent work, but not stopped."""

import asyncio
import time

import pytest

from clawback_common.service.priority import LINGER_S, PAUSE_S, SLICE, Priority


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the pauses of each slice without waiting."""
    found: list[float] = []
    sleep = asyncio.sleep

    async def at_once(seconds: float) -> None:
        found.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", at_once)
    return found


async def _take(lanes: Priority, count: int) -> list[list[int]]:
    return [list(some) async for some in lanes.slices(range(count))]


async def test_content_continues_at_once_without_urgent_work(slept: list[float]) -> None:
    slices = await _take(Priority(), 2 * SLICE + 1)
    assert [one for some in slices for one in some] == list(range(2 * SLICE + 1))
    assert slept == []


async def test_content_is_slowed_down_during_urgent_work_and_for_a_moment_after(
    slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    lanes = Priority()
    with lanes.urgent():
        assert len(await _take(lanes, 3 * SLICE)) == 3, "it continues"
        with lanes.urgent():
            pass
        now += 10 * LINGER_S
        await lanes.yield_to_urgent()
    await lanes.yield_to_urgent()
    assert slept == [PAUSE_S] * 5
    now += LINGER_S
    await lanes.yield_to_urgent()
    assert slept[5:] == []


async def test_failed_work_is_no_longer_urgent(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    lanes = Priority()
    with pytest.raises(ValueError, match="of a handler"), lanes.urgent():
        raise ValueError("of a handler")
    assert lanes.active
    now += LINGER_S
    assert not lanes.active
