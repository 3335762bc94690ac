"""The demo stops when it is interrupted."""

import asyncio
from contextlib import suppress

import pytest

from clawback_story import demo


async def test_a_scenario_that_swallows_a_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demo, "CANCEL_EVERY_S", 0.01)
    began = asyncio.Event()

    async def story() -> None:
        began.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    playing = asyncio.create_task(demo._stoppable(story()))
    await began.wait()
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(playing, 10)
