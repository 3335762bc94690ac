"""Old articles are removed with their counts; ids stay, so that replays are rejected and late orders are answered."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from analytics.domain.counting import Delta
from analytics.domain.facets import newest
from analytics.gateways import metrics
from analytics.gateways.cache import Cache
from analytics.storage import facets, retention, rollups
from analytics.storage.retention import Articles, CachedAnswers
from clawback_common.errors import Poison, Transient
from clawback_common.postgres import Database
from clawback_common.retention import Progress, SweepCounts
from clawback_common.retention.partitions import wait_for_writers
from clawback_contracts.sweep.v1 import Action, Hold, SweepCompleted
from clawback_testing.waiting import until
from services.analytics.tests.integration.world import World

pytestmark = pytest.mark.integration
OLD, NEW, HELD = "up:old", "up:new", "up:held"


async def filled(world: World) -> None:
    """Two articles from two years ago, one from yesterday."""
    long_ago = world.ago(days=730)
    await world.publish(
        world.article(OLD, published_at=long_ago),
        world.article(HELD, published_at=long_ago),
        world.article(NEW),
    )


async def test_a_dry_run_counts_and_deletes_nothing(world: World) -> None:
    await filled(world)
    hold = Hold(hold_id=uuid4(), article_ids=(HELD, "up:unknown"))
    assert await Articles(world.db, world.clock).count(world.sweep(holds=(hold,))) == SweepCounts(2, 1, 1, 1)
    assert await world.total() == 3
    await world.publish(world.article("up:x", published_at=world.ago(days=730)))
    assert await world.total() == 4


async def test_old_articles_are_removed_and_held_ones_stay(world: World) -> None:
    await filled(world)
    hold = Hold(hold_id=uuid4(), article_ids=(HELD,))
    request = world.sweep(holds=(hold,))
    assert await Articles(world.db, world.clock).remove(request, Progress()) == SweepCounts(2, 1, 1, 1)
    assert await world.held(OLD, NEW, HELD) == {NEW, HELD}
    await world.must_be_exact()
    assert await Articles(world.db, world.clock).remove(world.sweep(), Progress()) == SweepCounts(1, 1, 0, 1)
    assert (await world.held(OLD, NEW, HELD), await world.total()) == ({NEW}, 1)
    await world.must_be_exact()


SPANS = [(None, None, 2), (800, 700, 2), (None, 740, 0), (720, None, 0), (None, 700, 2), (730, None, 2)]
"""The start and end of a hold in days ago, and how many of the two old articles it covers."""


async def test_a_hold_on_a_span_keeps_its_articles(world: World) -> None:
    await filled(world)
    for since_d, until_d, spared in SPANS:
        hold = Hold(
            hold_id=uuid4(),
            dated_from=world.ago(days=since_d) if since_d else None,
            dated_until=world.ago(days=until_d) if until_d else None,
        )
        tally = await Articles(world.db, world.clock).count(world.sweep(holds=(hold,)))
        assert (tally.held, tally.removed) == (spared, 2 - spared)
        if spared == 2:  # the others would leave nothing for the next sweep
            assert (
                await Articles(world.db, world.clock).remove(world.sweep(holds=(hold,)), Progress()) == tally
            )
    assert await world.held(OLD, HELD) == {OLD, HELD}
    none = Hold(hold_id=uuid4(), dated_until=world.ago(days=740))
    assert (await Articles(world.db, world.clock).remove(world.sweep(holds=(none,)), Progress())).removed == 2


async def test_a_replay_of_a_swept_article_is_rejected_and_its_revocation_answered(world: World) -> None:
    await filled(world)
    await Articles(world.db, world.clock).remove(world.sweep(), Progress())
    refused = metrics.ARRIVED.labels("too_old")._value
    before = refused.get()
    await world.publish(
        world.article(OLD, published_at=world.ago(days=730)),
        world.article(OLD, 2, published_at=world.ago(days=730)),
        world.article("up:late", published_at=world.ago(days=500)),
    )
    assert (await world.total(), await world.held(OLD, "up:late")) == (1, set())
    assert refused.get() - before == 2
    await world.order(world.revocation(OLD))
    assert await world.answers() == [(OLD, 1, "already_removed", "never_held")]


async def test_a_hold_does_not_stop_a_takedown(world: World) -> None:
    await filled(world)
    hold = Hold(hold_id=uuid4(), article_ids=(HELD,))
    await Articles(world.db, world.clock).remove(world.sweep(holds=(hold,)), Progress())
    await world.order(world.revocation(HELD))
    assert await world.answers() == [(HELD, 1, "removed", "never_held")]
    assert await world.held(HELD) == set()
    await world.must_be_exact()


async def test_the_floor_is_never_lowered_by_a_sweep(world: World) -> None:
    await Articles(world.db, world.clock).remove(world.sweep(), Progress())
    await Articles(world.db, world.clock).remove(world.sweep(before=world.ago(days=999)), Progress())
    await filled(world)
    assert await world.held(OLD, NEW, HELD) == {NEW}


async def test_an_interrupted_sweep_resumes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SLICE", 2)
    old = [world.article(f"up:{n}", published_at=world.ago(days=500 + n)) for n in range(5)]
    await world.publish(*old)
    request, progress = world.sweep(), Progress()
    articles = Articles(world.db, world.clock)
    await articles.raise_floor(request)
    assert await articles.slice(request, progress) == 2
    await world.must_be_exact()
    assert await articles.remove(request, progress) == SweepCounts(5, 5, 0, 5)
    assert await world.total() == 0
    await world.must_be_exact()


async def test_a_sweep_waits_for_running_transactions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = asyncio.Event()

    async def looking(db: Database, table: str) -> None:
        looks.set()
        await wait_for_writers(db, table)

    monkeypatch.setattr("analytics.storage.retention.wait_for_writers", looking)
    facts = newest([world.article(OLD, published_at=world.ago(days=730))])
    async with world.db.transaction() as tx:
        keys = await world.service.value_ids.filter_keys(facts)
        numbers = await world.service.value_ids.numbers(tx, facts, keys)
        await facets.save_accepted(tx, facts, [numbers.of(facts[0])])
        delta = Delta()
        delta.add(numbers.of(facts[0]))
        await rollups.apply(tx, delta, numbers.made)
        waiting = asyncio.create_task(Articles(world.db, world.clock).remove(world.sweep(), Progress()))
        await until(lambda: looks.is_set() or waiting.done(), what="the floor is raised")
        assert not waiting.done()
    assert (await waiting).removed == 1
    assert await world.total() == 0
    await world.must_be_exact()


async def test_a_requested_sweep_is_processed_and_answered(world: World) -> None:
    await filled(world)
    request = world.sweep()
    await world.service.sweeper.requested(world.received([request]))
    await world.service.sweeper.process_due()
    (answer,) = await world.unsent(SweepCompleted)
    assert (answer.sweep_id, answer.owner) == (request.sweep_id, "analytics")
    assert (answer.found, answer.removed, answer.kept) == (2, 2, 2)
    assert await world.total() == 1


async def test_articles_are_not_archived_here(world: World) -> None:
    with pytest.raises(Poison, match="action_refused"):
        await Articles(world.db, world.clock).remove(world.sweep(action=Action.ARCHIVE), Progress())


async def test_keys_without_a_ttl_are_deleted_from_the_cache(
    world: World, valkey: "Redis", valkey_url: str
) -> None:
    await valkey.set("analytics:never-ends", b"1")
    await valkey.set("analytics:ends", b"1", px=60_000)
    await valkey.set("ingester:not-ours", b"1")
    async with Cache.connect(valkey_url, 60) as cache:
        answers = CachedAnswers(world.db, cache)
        request = world.sweep("cache", before=world.ago(days=30))
        assert await answers.count(request) == SweepCounts(1, 1)
        assert await answers.remove(request, Progress()) == SweepCounts(1, 1)
        assert sorted(await valkey.keys()) == [b"analytics:ends", b"ingester:not-ours"]


async def test_an_unavailable_cache_is_retried(world: World) -> None:
    async with Cache.connect("redis://127.0.0.1:1/0", 60) as cache:
        with pytest.raises(Transient):
            await CachedAnswers(world.db, cache).remove(world.sweep("cache"), Progress())


async def test_without_a_cache_a_sweep_finds_nothing(world: World) -> None:
    assert await CachedAnswers(world.db, world.service.cache).count(world.sweep("cache")) == SweepCounts(0, 0)


async def test_a_takedown_in_a_slice_does_not_end_the_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "SLICE", 2)
    names = [f"up:{n}" for n in range(5)]
    await world.publish(*(world.article(one, published_at=world.ago(days=730)) for one in names))
    empty_old = facets.empty_old

    async def one_is_gone(*arguments: Any) -> Any:
        monkeypatch.setattr(facets, "empty_old", empty_old)
        return (await empty_old(*arguments))[:1]

    monkeypatch.setattr(facets, "empty_old", one_is_gone)
    await Articles(world.db, world.clock).remove(world.sweep(), Progress())
    assert await world.held(*names) == set()
