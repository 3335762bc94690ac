"""Garbage from the provider: invalid answers and invalid articles."""

from collections.abc import Mapping
from typing import Any

import httpx

from clawback_simulator.actions import EndpointName, FaultMode
from clawback_story import sources
from clawback_story.history import FailedPoll
from clawback_story.world import FEED, World

SPOILT = ("no_id", "no_sequence", "bad_embargo", "bad_license_end", "huge_body", "bare")
"""Each is quarantined with its reason, and no other with it."""
ODD = ("numbers", "unknown_elements", "bad_date")
"""Accepted in spite of their oddities."""
WORTH_A_RETRY: tuple[FaultMode, ...] = ("html", "truncated", "entity_bomb")
WORTH_ANOTHER: tuple[FaultMode, ...] = ("gzip_bomb", "empty", "reset")
REFUSED_CODE = 1003


async def between_pages(world: World, *modes: FaultMode) -> None:
    """Each mode spoils one answer, with valid answers between: every page succeeds at the second attempt."""
    for mode in modes:
        await world.simulator.fail("articles", mode, skip=1)
    world.history.planned.update(modes)


async def in_a_row(world: World, endpoint: EndpointName, *modes: FaultMode) -> None:
    """Lets the next answers fail one after the other."""
    for mode in modes:
        await world.simulator.fail(endpoint, mode)
    world.history.planned.update(modes)


async def spoilt_articles(world: World) -> None:
    """Publishes invalid articles, each between valid ones."""
    for mode in SPOILT:
        await world.simulator.publish(1, corrupt=mode)
        await world.simulator.publish(1)
    for mode in ODD:
        await world.simulator.publish(1, corrupt=mode)
    world.history.spoilt += len(SPOILT)


async def refused(world: World, feed: str = FEED) -> None:
    """The provider rejects the key: the feed stops immediately and reports it, until a person resumes it."""
    await world.simulator.fail("articles", "failure", code=REFUSED_CODE)
    world.history.planned["failure"] += 1
    await failing_poll(world, feed, f"FAILURE {REFUSED_CODE}")
    await world.ingester.post(f"/feeds/{feed}/resume", headers=world.key("operator"))


async def failing_poll(world: World, feed: str, what: str) -> httpx.Response:
    """Polls while the provider fails; records the cursor and the state of the feed."""
    before = await sources.feed_row(world, feed)
    answer = await sources.poll(world, feed)
    note(world, feed, what, answer.status_code, before, await sources.feed_row(world, feed))
    return answer


def note(
    world: World, feed: str, what: str, status: int, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Records a failed poll, with the feed before and after it."""
    world.history.failed_polls.append(
        FailedPoll(feed, what, status, before["cursor"], after["cursor"], after["state"])
    )
