"""The rate limit of a provider's key: no call before the pause, or the provider's requested pause, has passed."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from clawback_testing.clock import FakeClock
from ingester.gateways.providers.port import PausedByProvider
from ingester.settings import FeedKind, FeedSettings
from ingester.storage import feeds
from ingester.use_cases.pacing import KeyPace
from ingester.use_cases.service import Service
from services.ingester.tests.integration.simulated import ARTICLES, REVOKED, Simulated, simulated_provider
from services.ingester.tests.integration.world import World

pytestmark = pytest.mark.integration

PAUSE_S = 0.005
KINDS: tuple[FeedKind, ...] = ("articles", "revoked")
PAUSE = timedelta(seconds=20)


@pytest.fixture
def waits(world: World, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that a caller waited for its turn; they pass without waiting."""
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)
        await advance(world, seconds)

    monkeypatch.setattr("ingester.use_cases.pacing.asyncio.sleep", sleep)
    return found


async def test_a_thousand_calls_of_two_feeds_are_never_too_early_for_a_provider_with_the_same_pause(
    service: Service, clock: FakeClock, tmp_path: Path
) -> None:
    late_s = 0.9 * PAUSE_S
    async with simulated_provider(
        service, clock, tmp_path, late_s_max=late_s, metabase_pause_s=PAUSE_S
    ) as simulated:
        await simulated.provider.set(pause_s=PAUSE_S)
        articles, revoked = (simulated.feeds[name].source.connect(uuid4()) for name in (ARTICLES, REVOKED))
        for _ in range(500):
            await articles.page("0", 1)
            await revoked.page("0", 1)
        calls = (await simulated.provider.truth()).calls
        assert {name: (one.total, one.ok, one.paused) for name, one in calls.items()} == {
            "articles": (500, 500, 0),
            "revokedArticles": (500, 500, 0),
        }


async def wait(world: World, *, urgent: bool, key: str = "k") -> timedelta | None:
    """Takes a turn and ends it at once, so that the pause starts; else returns the maximum time to wait."""
    turn = await feeds.take_turn(world.db, key, PAUSE, urgent=urgent)
    if isinstance(turn, timedelta):
        return turn
    await feeds.end_turn(world.db, key, PAUSE, turn, timedelta(0))
    return None


async def advance(world: World, seconds: float) -> None:
    """Advances the time for the key."""
    passed = timedelta(seconds=seconds)
    await world.db.execute(
        "UPDATE key_pace SET next_at = next_at - $1::interval, urgent_until = urgent_until - $1::interval",
        passed,
    )


async def test_the_pace_of_a_key_is_shared_and_revocations_go_first(world: World) -> None:
    assert await wait(world, urgent=False) is None
    left = await wait(world, urgent=True)  # it waits, and is registered as urgent
    assert left is not None
    assert timedelta(seconds=15) < left <= PAUSE
    await advance(world, 20)
    assert await wait(world, urgent=False) == timedelta(0)
    assert await wait(world, urgent=True) is None
    await advance(world, 19)
    assert await wait(world, urgent=False) is not None


async def test_of_many_concurrent_callers_one_gets_the_key(world: World) -> None:
    got = await asyncio.gather(*(wait(world, urgent=n % 2 == 0) for n in range(10)))
    assert got.count(None) == 1


async def test_an_urgent_caller_that_dies_while_waiting_delays_others_only_briefly(world: World) -> None:
    await wait(world, urgent=False)
    await wait(world, urgent=True)
    await advance(world, 26)
    assert await wait(world, urgent=False) is None


async def test_an_urgent_caller_delays_nobody_after_its_call(world: World) -> None:
    await wait(world, urgent=False)
    await wait(world, urgent=True)  # it waits, and is registered as urgent
    await advance(world, 20)
    assert await wait(world, urgent=True) is None
    await advance(world, 20)
    assert await wait(world, urgent=False) is None


async def test_the_pause_counts_from_the_end_of_a_call(world: World) -> None:
    turn = await feeds.take_turn(world.db, "k", PAUSE, urgent=False)
    assert isinstance(turn, datetime)
    await world.db.execute("SELECT pg_sleep(0.2)")
    await feeds.end_turn(world.db, "k", PAUSE, turn, timedelta(0))
    left = await wait(world, urgent=False)
    assert left is not None
    assert left > PAUSE - timedelta(seconds=0.2)


async def test_a_process_that_dies_during_its_call_blocks_the_key_for_two_pauses(world: World) -> None:
    await feeds.take_turn(world.db, "k", PAUSE, urgent=False)
    await advance(world, 39)
    assert await wait(world, urgent=False) is not None
    await advance(world, 1)
    assert await wait(world, urgent=False) is None


async def test_a_call_that_lasted_too_long_does_not_shorten_the_next_turn(world: World) -> None:
    late = await feeds.take_turn(world.db, "k", PAUSE, urgent=False)
    assert isinstance(late, datetime)
    await advance(world, 40)
    await feeds.take_turn(world.db, "k", PAUSE, urgent=False)
    await feeds.end_turn(world.db, "k", PAUSE, late, timedelta(0))
    left = await wait(world, urgent=False)
    assert left is not None
    assert left > timedelta(seconds=35)


async def test_a_replica_whose_clock_is_ahead_calls_no_earlier(world: World, waits: list[float]) -> None:
    pace = KeyPace(FeedSettings(name="f", kind="articles"), world.db, world.service.settings.pause)
    await pace.take()
    await pace.end(None)
    world.clock.advance(hours=1)
    await pace.take()
    assert 15 < sum(waits) <= 21


async def test_each_key_has_its_own_rate_limit(world: World) -> None:
    assert await wait(world, urgent=False) is None
    assert await wait(world, urgent=False, key="other") is None


async def test_a_pause_requested_by_the_provider_applies_to_all_feeds_and_outlasts_the_poll(
    simulated: Simulated,
) -> None:
    await simulated.provider.publish(3)
    await simulated.provider.fail("articles", "rate_limited", retry_after_s=90)
    assert "HTTP 429" in str((await simulated.poll(ARTICLES)).error)
    for name in (ARTICLES, REVOKED):
        result = await simulated.poll(name)
        assert not result.caught_up
        assert "the provider requested a pause" in str(result.error)
    calls = (await simulated.provider.truth()).calls
    assert {name: (one.total, one.hasty) for name, one in calls.items()} == {"articles": (1, 0)}
    await advance(simulated.world, 90)
    assert (await simulated.poll(REVOKED)).caught_up
    assert (await simulated.poll(ARTICLES)).received == 3


async def test_a_short_requested_pause_is_for_every_feed_of_the_key(world: World, waits: list[float]) -> None:
    articles, revoked = (
        KeyPace(FeedSettings(name=kind, kind=kind), world.db, world.service.settings.pause) for kind in KINDS
    )
    await articles.take()
    await articles.end(45)
    await revoked.take()
    assert 40 < sum(waits) < 46


async def test_no_response_stops_a_key_for_longer_than_a_day(world: World) -> None:
    pace = KeyPace(FeedSettings(name="f", kind="articles"), world.db, world.service.settings.pause)
    await pace.take()
    await pace.end(1e9)
    with pytest.raises(PausedByProvider):
        await pace.take()
    await advance(world, 86_400)
    await pace.take()


async def test_a_requested_pause_is_not_shortened_by_a_call_that_ends_later(world: World) -> None:
    pace, other = (
        KeyPace(FeedSettings(name=name, kind="articles"), world.db, world.service.settings.pause)
        for name in "ab"
    )
    await pace.take()
    await advance(world, 42)
    await other.take()
    await other.end(500)
    await pace.end(None)
    with pytest.raises(PausedByProvider):
        await pace.take()
