"""Polls: the cursor advances only with the page's content, one poll at a time, and failures are reported as such."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from clawback_common.errors import Conflict, Transient
from clawback_common.postgres.pool import Row
from clawback_common.service import jobs as job_runs
from clawback_contracts.alert.v1 import AlertRaised, AlertResolved
from clawback_contracts.revocation.v1 import RevocationNoticed
from clawback_testing.clock import FakeClock
from clawback_testing.commands import command
from ingester.domain.feed import PollResult
from ingester.gateways.providers.answers import Unreadable, UnreadableAnswer
from ingester.gateways.providers.metabase.codes import failure
from ingester.gateways.providers.port import Bad, Feed
from ingester.service import SERVICE
from ingester.storage import feeds
from ingester.use_cases import polling
from ingester.use_cases.poll_runs import poll_on_schedule, poll_recorded
from ingester.use_cases.publishing import _revocations_were_read
from ingester.use_cases.watching import watch_feeds
from services.ingester.tests.integration.world import Script, World, articles_page, revoked_page

pytestmark = pytest.mark.integration

UNWELL: list[Exception] = [
    UnreadableAnswer(Unreadable.EMPTY),
    UnreadableAnswer(Unreadable.HTML),
    failure(9999),
    failure(1004),
    failure(None, 503),
    Transient("no connection"),
]


async def declared(world: World, *of: Feed) -> None:
    world.configure(*of)
    await feeds.declare(
        world.db, [feed.name for feed in of], [feed.settings.kind for feed in of], world.clock.now()
    )


async def row_of(world: World, feed: Feed) -> Row:
    (row,) = [row for row in await feeds.all_feeds(world.db) if row["name"] == feed.name]
    return row


async def drained(world: World, feed: Feed) -> PollResult:
    await declared(world, feed)
    return await polling.poll(feed, world.service, "test")


def page_of(world: World, start: int, size: int, cursor: str | None = None) -> Any:
    """Returns articles with sequences from a start; the cursor is the last one's."""
    numbers = range(start, start + size)
    articles = [world.article(f"metabase:{n}", source_order=n) for n in numbers]
    return articles_page(*articles, cursor=cursor or str(numbers[-1]))


async def test_a_poll_reads_until_a_page_is_shorter_than_an_earlier_one_and_the_next_continues_from_there(
    world: World, script: Script
) -> None:
    feed = script.feed("articles")
    script.responses = [page_of(world, 1, 3), page_of(world, 4, 3), page_of(world, 7, 1)]
    result = await drained(world, feed)
    assert (result.pages, result.received, result.caught_up, result.error) == (3, 7, True, None)
    assert script.cursors == ["0", "3", "6"]
    await drained(world, feed)
    assert script.cursors[3:] == ["7"]
    assert len(await world.published()) == 7


async def test_an_empty_page_neither_moves_nor_clears_the_cursor(world: World, script: Script) -> None:
    feed = script.feed("articles")
    script.responses = [page_of(world, 1, 2)]
    await drained(world, feed)
    result = await drained(world, feed)
    assert (result.caught_up, (await row_of(world, feed))["cursor"]) == (True, "2")


@pytest.mark.parametrize("error", UNWELL, ids=str)
@pytest.mark.parametrize("kind", ["articles", "revoked"])
async def test_a_failing_provider_moves_no_cursor_and_is_never_reported_as_an_empty_result(
    world: World, script: Script, kind: Any, error: Exception
) -> None:
    feed = script.feed(kind, limit=2)
    first = page_of(world, 1, 2) if kind == "articles" else revoked_page("1", "2", cursor="2")
    script.responses = [first, error]
    result = await drained(world, feed)
    assert not result.caught_up
    assert (result.error, result.pages) == (str(error), 1)
    row = await row_of(world, feed)
    assert (row["cursor"], row["state"], row["state_reason"]) == ("2", "failing", str(error))
    assert row["last_complete_at"] is None


async def test_a_page_is_stored_with_its_cursor_or_not_at_all(
    world: World, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = script.feed("articles")
    await declared(world, feed)
    script.responses = [page_of(world, 1, 1)]

    async def crash(*_: object, **__: object) -> None:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as patched:
        patched.setattr("ingester.storage.feeds.save_page", crash)
        with pytest.raises(RuntimeError):
            await polling.poll(feed, world.service, "test")
    assert (await world.state("metabase:1"), (await row_of(world, feed))["cursor"]) == (None, None)
    script.responses = [page_of(world, 1, 1)]
    await drained(world, feed)
    assert ((await world.state("metabase:1")), (await row_of(world, feed))["cursor"]) == ("live", "1")


async def test_a_page_that_cannot_be_stored_does_not_move_the_cursor(
    world: World, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = script.feed("articles")
    script.responses = [page_of(world, 1, 2)]

    async def unavailable(*_: object) -> None:
        raise Transient("the database does not respond")

    with monkeypatch.context() as patched:
        patched.setattr("ingester.storage.contents.save", unavailable)
        result = await drained(world, feed)
    assert not result.caught_up
    assert (await row_of(world, feed))["cursor"] is None
    script.responses = [page_of(world, 1, 2)]
    assert (await drained(world, feed)).received == 2
    assert script.cursors == ["0", "0", "2"]


async def test_notices_are_stored_with_their_cursor_or_not_at_all(
    world: World, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = script.feed("revoked")
    await declared(world, feed)
    script.responses = [revoked_page("1", cursor="c1")]

    async def lease_lost(*_: object, **__: object) -> bool:
        return False

    with monkeypatch.context() as patched:
        patched.setattr("ingester.storage.feeds.save_page", lease_lost)
        with pytest.raises(Conflict):
            await polling.poll(feed, world.service, "test")
    assert await world.unsent(RevocationNoticed) == []
    assert await world.db.fetchval("SELECT count(*) FROM notice") == 0
    script.responses = [revoked_page("1", cursor="c1")]
    assert (await drained(world, feed)).noticed == 1


async def test_a_poll_that_lost_its_lease_is_repeated_without_a_failure_of_the_feed(
    world: World, script: Script
) -> None:
    feed = script.feed("revoked")
    await declared(world, feed)

    async def lose_lease() -> Any:
        world.clock.advance(minutes=1)
        await world.db.execute("UPDATE feed SET lease_poll = NULL, lease_until = NULL")
        return revoked_page("1", cursor="c1")

    script.responses = [lose_lease, revoked_page("1", cursor="c1")]
    result = await poll_recorded(feed, world.service, "test")
    assert (result.caught_up, result.noticed) == (True, 1)
    assert (await row_of(world, feed))["state"] == "ok"


async def test_a_second_caller_joins_the_running_poll(world: World, script: Script) -> None:
    feed = script.feed("revoked")
    await declared(world, feed)
    begun, gate = asyncio.Event(), asyncio.Event()

    async def slow() -> Any:
        begun.set()
        await gate.wait()
        return revoked_page("1", cursor="c1")

    script.responses = [slow]
    first = asyncio.create_task(polling.poll(feed, world.service, "schedule"))
    await begun.wait()
    second = asyncio.create_task(polling.poll(feed, world.service, "request"))
    await asyncio.sleep(0.1)
    gate.set()
    ended, joined = await first, await second
    assert joined == ended
    assert (len(script.cursors), len(script.polls)) == (2, 1)


async def test_a_poll_whose_process_died_is_taken_over(world: World, script: Script) -> None:
    feed = script.feed("revoked")
    await declared(world, feed)
    async with world.db.transaction() as tx:
        assert await feeds.lease(tx, feed.name, uuid4(), "schedule", world.clock.now()) is not None
    script.responses = [revoked_page("1", cursor="c1")]
    waiting = asyncio.create_task(polling.poll(feed, world.service, "request"))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    await world.db.execute("UPDATE feed SET lease_until = lease_until - interval '16 seconds'")
    assert (await asyncio.wait_for(waiting, 5)).noticed == 1


async def passed(world: World, by: str) -> None:
    """Sets the end of the last poll to this long ago."""
    await world.db.execute("UPDATE feed SET last_pass_at = last_pass_at - $1::text::interval", by)


async def test_of_two_processes_one_polls_once_per_interval(world: World, script: Script) -> None:
    feed = script.feed("revoked")
    await declared(world, feed)
    behind = World(replace(world.service, clock=FakeClock(world.ago(hours=5))), world.clock)

    async def both() -> None:
        await asyncio.gather(
            *(poll_on_schedule(feed, one.service) for one in (world, behind) for _ in range(3))
        )

    await both()
    await both()
    assert len(script.cursors) == 1
    await passed(world, "1 day")
    await both()
    assert len(script.cursors) == 2
    outcomes = {run.outcome for run in await job_runs.page(world.db)}
    assert outcomes <= {"done", "skipped"}


async def test_a_failed_poll_is_retried_after_1_5_and_15_minutes(world: World, script: Script) -> None:
    feed = script.feed("revoked")
    await declared(world, feed)
    script.responses = [failure(9999)] * 10
    for calls, minutes in enumerate((1, 5, 15, 15), 1):
        await poll_on_schedule(feed, world.service)
        await passed(world, f"{minutes * 60 - 5} seconds")
        await poll_on_schedule(feed, world.service)
        assert len(script.cursors) == calls
        await passed(world, "5 seconds")


async def test_a_poll_that_was_interrupted_is_still_due(world: World, script: Script) -> None:
    feed = script.feed("revoked")
    await declared(world, feed)
    begun = asyncio.Event()

    async def slow() -> Any:
        begun.set()
        await asyncio.Event().wait()

    script.responses = [slow]
    first = asyncio.create_task(poll_on_schedule(feed, world.service))
    await begun.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await poll_on_schedule(feed, world.service)
    assert len(script.cursors) == 2


async def test_a_poll_that_lost_its_lease_does_not_change_the_state_of_the_feed(
    world: World, script: Script
) -> None:
    feed = script.feed("revoked")
    await declared(world, feed)

    async def frozen() -> Any:
        await world.db.execute("UPDATE feed SET lease_poll = gen_random_uuid(), state = 'ok'")
        world.clock.advance(hours=1)
        raise failure(1000)

    script.responses = [frozen]
    with pytest.raises(Conflict):
        await polling.poll(feed, world.service, "test")
    assert (await row_of(world, feed))["state"] == "ok"
    assert await world.alerts() == []


async def test_a_caller_that_joined_a_failed_poll_gets_the_failure(world: World, script: Script) -> None:
    feed = script.feed("revoked")
    await declared(world, feed)
    begun, gate = asyncio.Event(), asyncio.Event()

    async def slow() -> Any:
        begun.set()
        await gate.wait()
        raise failure(9999)

    script.responses = [slow]
    first = asyncio.create_task(polling.poll(feed, world.service, "schedule"))
    await begun.wait()
    second = asyncio.create_task(polling.poll(feed, world.service, "request"))
    await asyncio.sleep(0.1)
    gate.set()
    assert (await first).error == (await second).error == str(failure(9999))


async def test_a_refused_key_stops_the_feed_and_alerts_once_an_hour(world: World, script: Script) -> None:
    feed = script.feed("revoked")
    script.responses = [failure(1000), failure(1000), failure(1000)]
    await drained(world, feed)
    await drained(world, feed)
    assert (await row_of(world, feed))["state"] == "stopped"
    for _ in range(2):
        await watch_feeds(world.service)
    assert await world.alerts() == ["FeedStopped"]
    for hours in range(1, 50):  # also at the hour of the day at which it was raised before
        world.clock.advance(hours=1)
        await watch_feeds(world.service)
        assert await world.alerts() == ["FeedStopped"] * (hours + 1)
    await drained(world, feed)
    await poll_on_schedule(feed, world.service)
    assert len(script.cursors) == 3
    assert await feeds.resume(world.db, feed.name, world.clock.now())
    await watch_feeds(world.service)
    assert {one.name for one in await world.unsent(AlertResolved)} == {"FeedStopped"}
    await poll_on_schedule(feed, world.service)
    assert (await row_of(world, feed))["state"] == "ok"


async def test_a_failing_feed_and_its_recovery_are_reported_by_time(world: World, script: Script) -> None:
    feed = script.feed("revoked")
    script.responses = [failure(9999)]
    await drained(world, feed)
    world.clock.advance(minutes=4)
    await watch_feeds(world.service)
    assert await world.alerts() == []
    world.clock.advance(minutes=1)
    await watch_feeds(world.service)
    assert await world.alerts() == ["FeedFailing"]
    await drained(world, feed)
    await watch_feeds(world.service)
    assert {one.name for one in await world.unsent(AlertResolved)} == {"FeedFailing"}


async def test_alerts_of_a_feed_that_is_no_longer_configured_are_resolved(
    world: World, script: Script
) -> None:
    feed = script.feed("revoked")
    script.responses = [failure(1000)]
    await drained(world, feed)
    await watch_feeds(world.service)
    world.configure()
    await watch_feeds(world.service)
    assert {one.name for one in await world.unsent(AlertResolved)} == {"FeedStopped"}


async def test_full_pages_for_many_calls_raise_falling_behind_with_the_hours_left(
    world: World, script: Script
) -> None:
    feed = script.feed("articles", limit=1)
    harvested = world.clock.now() - timedelta(hours=50)

    def page(n: int) -> Any:
        article = world.article(f"metabase:{n}", source_order=n, harvested_at=harvested)
        return articles_page(article, cursor=str(n))

    script.responses = [*(page(n) for n in range(1, 11)), failure(9999)]
    await drained(world, feed)
    await watch_feeds(world.service)
    (alert,) = await world.unsent(AlertRaised)
    assert (alert.name, alert.labels) == ("FeedFallingBehind", {"feed": feed.name})
    assert "10 pages were read without reaching the end" in alert.summary
    assert "within 22 h" in alert.summary


async def test_full_pages_are_counted_over_polls_and_reset_after_a_short_one(
    world: World, script: Script
) -> None:
    feed = script.feed("articles", limit=1)
    await declared(world, feed)
    for n in range(1, 11):
        script.responses = [page_of(world, n, 1), failure(9999)]
        await polling.poll(feed, world.service, "test")
    await watch_feeds(world.service)
    assert "FeedFallingBehind" in await world.alerts()
    script.responses = []
    await drained(world, feed)
    await watch_feeds(world.service)
    assert "FeedFallingBehind" in {one.name for one in await world.unsent(AlertResolved)}
    assert (await row_of(world, feed))["full_pages"] == 0


async def test_a_full_page_without_a_next_cursor_fails(world: World, script: Script) -> None:
    feed = script.feed("revoked", limit=1)
    script.responses = [revoked_page("1", cursor="c1"), revoked_page("2", cursor="c1")]
    result = await drained(world, feed)
    assert result.error is not None
    assert "cursor_stands_still" in result.error


async def test_a_bad_entry_is_quarantined_and_the_others_are_stored(world: World, script: Script) -> None:
    feed = script.feed("articles")
    bad = Bad(1, "9", "2", "date_invalid", "publishedDate", b"<article>canary</article>")
    script.responses = [articles_page(world.article("metabase:1", source_order=1), bad=[bad], cursor="2")]
    result = await drained(world, feed)
    assert (result.received, (await row_of(world, feed))["cursor"]) == (2, "2")
    assert await world.state("metabase:1") == "live"
    row = await world.db.fetchrow("SELECT * FROM quarantine")
    assert row is not None
    assert (row["topic"], row["subjects"], row["reason"]) == (
        f"feed:{feed.name}",
        ["metabase:9"],
        "date_invalid",
    )


async def test_an_unreadable_entry_among_revocations_is_an_incident_and_an_alert(
    world: World, script: Script
) -> None:
    feed = script.feed("revoked")
    bad = Bad(1, None, None, "id_missing", "id", b"<article/>", revocation=True)
    script.responses = [revoked_page("1", bad=[bad], cursor="c")]
    assert (await drained(world, feed)).noticed == 1
    assert await world.alerts() == ["UnreadableRevocation"]
    assert await world.db.fetchval("SELECT count(*) FROM incident WHERE closed_at IS NULL") == 1


async def test_a_notice_has_the_earliest_possible_time(world: World, script: Script) -> None:
    feed = script.feed("revoked")
    first_asked = world.clock.now()
    await drained(world, feed)
    world.clock.advance(hours=1)
    revoked_at = first_asked + timedelta(minutes=30)
    script.responses = [revoked_page("1", "2", cursor="c", at2=revoked_at)]
    result = await drained(world, feed)
    notices: list[RevocationNoticed] = await world.unsent(RevocationNoticed)
    assert {one.article_id: (one.revoked_at, one.earliest_at) for one in notices} == {
        "metabase:1": (None, first_asked),
        "metabase:2": (revoked_at, first_asked),
    }
    assert {one.poll_id for one in notices} == {result.poll_id}


async def test_completeness_is_dated_by_the_request_and_not_its_response(
    world: World, script: Script
) -> None:
    feed = script.feed("revoked")
    requested_at = world.clock.now()

    async def slow() -> Any:
        world.clock.advance(minutes=3)
        return revoked_page()

    script.responses = [slow]
    await drained(world, feed)
    assert (await row_of(world, feed))["last_complete_at"] == requested_at


async def test_nothing_is_published_before_every_feed_of_revocations_was_read_once(
    world: World, script: Script
) -> None:
    articles, one, two = script.feed("articles"), script.feed(name="r1"), script.feed(name="r2")
    await declared(world, articles, one, two)
    world.configure(articles, one, two)
    assert not await _revocations_were_read(world.service)
    await drained(world, one)
    script.responses = [failure(9999)]
    await drained(world, two)
    assert not await _revocations_were_read(world.service)
    await drained(world, two)
    assert await _revocations_were_read(world.service)


async def test_a_feed_of_revocations_that_was_removed_or_renamed_stops_no_publication(
    world: World, script: Script
) -> None:
    misspelt, right = script.feed(name="revokd"), script.feed(name="revoked")
    await declared(world, misspelt, right)
    await drained(world, right)
    world.configure(misspelt, right)
    assert not await _revocations_were_read(world.service)
    world.configure(right)
    assert await _revocations_were_read(world.service)


async def test_each_poll_is_recorded_also_when_it_found_nothing_or_failed(
    world: World, script: Script
) -> None:
    feed = script.feed("revoked")
    await declared(world, feed)
    script.responses = [revoked_page("1", cursor="c"), None, revoked_page(), failure(9999)]
    for _ in range(3):
        await poll_recorded(feed, world.service, "schedule")
        world.clock.advance(seconds=1)
    runs = await job_runs.page(world.db)
    assert [(run.outcome, run.counts["noticed"]) for run in runs] == [
        ("attention", 0),
        ("done", 0),
        ("done", 1),
    ]


async def test_the_command_prints_the_result_of_a_poll(
    world: World, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    feed = script.feed("revoked")
    world.configure(feed)
    script.responses = [revoked_page("1", cursor="c"), None, failure(9999)]
    assert await command(SERVICE, world.service, "poll", feed.name) == 0
    assert "2 pages, 1 entries, 1 notices, caught up" in capsys.readouterr().out
    assert await command(SERVICE, world.service, "poll", feed.name) == 1
    assert "stopped: the provider reported FAILURE 9999" in capsys.readouterr().out


async def test_with_compliance_required_nothing_is_published_while_revocations_are_unread(
    world: World, script: Script
) -> None:
    required = world.service.settings.model_copy(update={"compliance": "required"})
    feed = script.feed("revoked")
    strict = World(replace(world.service, settings=required, feeds={feed.name: feed}), world.clock)
    await drained(strict, feed)
    await strict.submit(strict.article("up:1"))
    world.clock.advance(hours=26)
    with pytest.raises(Transient, match="revocations of test-revoked were not read for 26 h"):
        await strict.published()
    removed = World(replace(strict.service, feeds={}), world.clock)
    assert len(await removed.published()) == 1
    await strict.submit(strict.article("up:2"))
    await drained(strict, feed)
    assert len(await strict.published()) == 1
