"""Old articles are deleted and refused from every source, published ids are kept, holds apply, takedowns win."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from clawback_common.http.probes import Probes
from clawback_common.postgres import Transaction
from clawback_common.retention import LegalHolds, Progress, SweepCounts
from clawback_common.retention.maintenance import run_maintenance
from clawback_common.service.api import application
from clawback_contracts.article.v1 import ArticleSubmitted
from clawback_contracts.envelope import NUMBER_MAX
from clawback_contracts.revocation.v1 import ArticleRemoved, Outcome
from clawback_contracts.sweep.v1 import Action, Hold, SweepCompleted, SweepRequested
from clawback_testing.queries import prepare_all
from clawback_testing.waiting import until
from ingester.service import SERVICE
from ingester.storage import retention, sweeps
from ingester.storage.retention import Articles
from ingester.use_cases import notices
from ingester.use_cases.poll_runs import poll_recorded
from services.ingester.tests.integration.world import Script, World, articles_page

pytestmark = pytest.mark.integration

OLD, OLDER, ANCIENT, YOUNG = "up:old", "up:older", "up:ancient", "up:young"
DAYS_KEPT = 100


async def _nothing() -> None:
    """Every order is applied."""


def before(world: World) -> datetime:
    """The limit of a hundred days: the clock is at 1 March 2026, so it is in November."""
    return world.clock.now() - timedelta(days=DAYS_KEPT)


def aged(world: World, article_id: str, days: int, text: str = "text", **more: Any) -> ArticleSubmitted:
    """Returns an article that was published this many days ago."""
    at = world.clock.now() - timedelta(days=days)
    return world.article(article_id, text, published_at=at, **more)


@pytest.fixture
async def articles(world: World) -> Articles:
    """The class, with four articles: in the limit's month, in the month before, of the last century, and new."""
    await world.submit(
        aged(world, OLD, 105),
        aged(world, OLDER, 140),
        aged(world, ANCIENT, 40 * 365),
        aged(world, YOUNG, 95),
    )
    return Articles(world.db, world.clock, world.service.months)


def request(world: World, *held: str, **more: Any) -> SweepRequested:
    """A request to sweep articles, with these ids held."""
    fields: dict[str, Any] = {
        "sweep_id": uuid4(),
        "data_class": "articles",
        "action": Action.DELETE,
        "owners": ("ingester", "analytics"),
        "before": before(world),
        "holds": [Hold(hold_id=uuid4(), article_ids=held)] if held else [],
        "requested_at": world.clock.now(),
        "requested_by": "a test",
    }
    return SweepRequested(**(fields | more))


async def ids(world: World, table: str = "article") -> list[str]:
    rows = await world.db.fetch(f"SELECT article_id FROM {table} ORDER BY article_id")  # noqa: S608
    return [row["article_id"] for row in rows]


async def read(world: World, path: str) -> httpx.Response:
    """Returns the response of the API."""
    app = application(SERVICE, replace(world.service, orders_applied=_nothing), Probes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.get(f"/api/v1{path}")


async def test_old_documents_are_deleted_and_published_ids_stay(world: World, articles: Articles) -> None:
    assert await articles.count(request(world)) == SweepCounts(3, 3, 0, 3)
    assert await ids(world, "article_content") == [ANCIENT, OLD, OLDER, YOUNG], "a count changes nothing"
    assert await articles.remove(request(world), Progress()) == SweepCounts(3, 3, 0, 3)
    assert await ids(world, "article_content") == [YOUNG]
    assert await ids(world) == [ANCIENT, OLD, OLDER, YOUNG]
    months = [month.name for month in await world.service.months.all()]
    assert months == ["article_content_2025_11"], "the partition of October is dropped"
    assert await articles.remove(request(world), Progress()) == SweepCounts(0, 0, 0, 3)


async def test_an_id_that_was_never_published_is_deleted_with_its_document(world: World) -> None:
    later = world.clock.now() + timedelta(days=9)
    await world.submit(
        aged(world, "up:embargoed", 120, embargoed_until=later),
        aged(world, "up:ended", 120, embargoed_until=world.clock.now() + timedelta(days=1)),
        aged(world, "up:ordered", 120, embargoed_until=later),
    )
    world.clock.advance(days=2)

    await notices.on_time(world.service)
    await world.order(world.revocation("up:ordered"))
    owned = Articles(world.db, world.clock, world.service.months)
    sweep = request(world)
    assert (await owned.count(sweep)).kept == 2
    assert await owned.remove(sweep, Progress()) == SweepCounts(2, 2, 0, 2)
    assert await ids(world) == ["up:ended", "up:ordered"]


async def test_a_swept_article_is_refused_from_every_source(
    world: World, articles: Articles, script: Script
) -> None:
    await articles.remove(request(world), Progress())
    await world.mark_sent()
    before = await world.db.fetchval("SELECT version FROM article WHERE article_id = $1", OLD)
    newer = aged(world, OLD, 105, "newer", source_order=NUMBER_MAX)
    unknown = aged(world, "up:unknown", 130)
    await world.submit(newer, unknown, aged(world, YOUNG, 95, "newer", source_order=NUMBER_MAX))
    script.responses = [articles_page(newer, unknown, aged(world, "up:fresh", 1), cursor="3")]
    run = await poll_recorded(script.feed("articles", limit=4), world.service, "test")
    assert (run.received, run.too_old) == (3, 2)
    counts = await world.db.fetchval("SELECT counts ->> 'too_old' FROM job_run WHERE job LIKE 'poll:%'")
    assert counts == "2"
    assert await world.db.fetchval("SELECT too_old FROM feed_poll") == 2
    assert await ids(world, "article_content") == ["up:fresh", YOUNG]
    assert "up:unknown" not in await ids(world)
    row = await world.db.fetchrow("SELECT version, source_order FROM article WHERE article_id = $1", OLD)
    assert row is not None
    assert row["version"] == before, "it changes nothing"
    assert row["source_order"] < NUMBER_MAX
    assert await world.text(YOUNG) == "newer"


async def test_a_swept_article_with_a_new_date_is_refused_by_the_date_of_its_row(
    world: World, articles: Articles
) -> None:
    version = "SELECT version FROM article WHERE article_id = $1"
    await articles.remove(request(world), Progress())
    before = await world.db.fetchval(version, OLD)
    await world.submit(aged(world, OLD, 1, "under a new date", source_order=NUMBER_MAX))
    assert await world.text(OLD) is None
    assert await world.db.fetchval(version, OLD) == before


async def test_a_correction_of_a_recent_article_is_not_refused(world: World, articles: Articles) -> None:
    await articles.remove(request(world), Progress())
    await world.submit(aged(world, YOUNG, 300, "corrected", source_order=NUMBER_MAX))
    assert await world.text(YOUNG) == "corrected"
    assert [month.start.month for month in await world.service.months.all()] == [11]


async def test_the_relay_publishes_no_swept_article(world: World, articles: Articles) -> None:
    await articles.remove(request(world, OLDER), Progress())
    assert [article.article_id for article in await world.published()] == [YOUNG]


async def test_no_old_article_is_published_during_a_sweep(world: World, articles: Articles) -> None:
    assert articles.name == "articles"
    await sweeps.raise_floor(world.db, before(world), world.clock.now())
    assert [article.article_id for article in await world.published()] == [YOUNG]


async def test_a_swept_article_is_410_for_readers_and_listed_nowhere(
    world: World, articles: Articles
) -> None:
    await articles.remove(request(world), Progress())
    response = await read(world, f"/articles/{OLD}")
    assert (response.status_code, response.json()["reason"]) == (410, "retention")
    listed = await read(world, "/articles")
    assert [item["article_id"] for item in listed.json()["items"]] == [YOUNG]
    assert (await read(world, "/admin/articles/stats")).json() == {"live": 1, "swept": 3}
    assert await world.held(OLD, OLDER, ANCIENT, YOUNG) == {YOUNG}


async def test_a_held_article_is_not_swept_stays_readable_and_can_be_taken_down(
    world: World, articles: Articles
) -> None:
    sweep = request(world, OLD, OLDER, ANCIENT)
    assert await articles.remove(sweep, Progress()) == SweepCounts(3, 0, 3, 0)
    assert await ids(world, "article_content") == [YOUNG]
    assert await world.held(OLD, OLDER, ANCIENT) == {OLD, OLDER, ANCIENT}
    for one in (OLD, OLDER, ANCIENT):
        assert (await read(world, f"/articles/{one}")).status_code == 200
    assert len((await read(world, "/articles")).json()["items"]) == 4
    await world.order(world.revocation(OLDER))
    (receipt,) = await world.unsent(ArticleRemoved)
    assert {one.copy_kind: one.outcome for one in receipt.removals}["content"] is Outcome.REMOVED
    assert (await read(world, f"/articles/{OLDER}")).status_code == 410
    assert await world.held(OLD, OLDER) == {OLD}


async def test_a_hold_that_has_ended_protects_nothing(world: World, articles: Articles) -> None:
    await articles.remove(request(world, OLD, OLDER), Progress())
    assert await articles.count(request(world, OLD)) == SweepCounts(2, 1, 1, 2)
    assert await articles.remove(request(world, OLD), Progress()) == SweepCounts(2, 1, 1, 2)
    assert await ids(world, "article_held") == [OLD]


async def test_a_hold_by_date_keeps_the_articles_dated_in_its_span(world: World, articles: Articles) -> None:
    old = world.clock.now() - timedelta(days=110)
    hold = Hold(hold_id=uuid4(), dated_from=old)
    assert await articles.remove(request(world, holds=[hold]), Progress()) == SweepCounts(3, 2, 1, 2)
    assert await ids(world, "article_held") == [OLD]


async def test_an_article_revoked_while_it_is_copied_is_not_held(world: World, articles: Articles) -> None:
    sweep = request(world, OLDER)
    start = world.clock.now() - timedelta(days=400)
    async with world.db.transaction() as takedown:
        await takedown.execute(
            "UPDATE article SET state = 'revoked', order_no = 1 WHERE article_id = $1", OLDER
        )
        await takedown.execute("DELETE FROM article_content WHERE article_id = $1", OLDER)
        copying = asyncio.create_task(articles._hold(start, before(world), LegalHolds.of(sweep.holds)))
        await until(lambda: _waits_for_a_lock(world), what="the copy waits for the takedown")
    await copying
    assert await ids(world, "article_held") == []


async def _waits_for_a_lock(world: World) -> bool:
    return bool(
        await world.db.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    )


async def test_a_withheld_document_that_is_held_stays_unreadable_and_is_deleted_by_its_order(
    world: World, articles: Articles
) -> None:
    await world.db.execute("UPDATE article SET state = 'withheld' WHERE article_id = $1", OLDER)
    await articles.remove(request(world, OLDER), Progress())
    assert (await read(world, f"/articles/{OLDER}")).status_code == 404
    await world.order(world.revocation(OLDER))
    assert await ids(world, "article_held") == []


async def test_a_revocation_in_year_three_gets_its_receipt_from_the_remaining_row(
    world: World, articles: Articles
) -> None:
    await articles.remove(request(world), Progress())
    world.clock.advance(days=800)
    await world.order(world.revocation(OLD))
    (receipt,) = await world.unsent(ArticleRemoved)
    assert {one.outcome for one in receipt.removals if one.copy_kind == "content"} == {
        Outcome.ALREADY_REMOVED
    }
    assert await world.state(OLD) == "revoked"
    await articles.remove(request(world), Progress())
    assert await world.state(OLD) == "revoked", "no sweep deletes the tombstone"
    await world.submit(aged(world, OLD, 900, "again", source_order=NUMBER_MAX))
    assert await world.text(OLD) is None


async def test_an_interrupted_sweep_is_finished_by_the_next_one(
    world: World, articles: Articles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep is interrupted after each of its steps in turn; earlier counts are kept."""
    kept: dict[str, Any] = {}

    async def keep(_: Transaction, notes: Any) -> None:
        kept.update(notes)
        kept["steps"] = kept.get("steps", 0) + 1

    sweep, interruptions = request(world, OLDER), 0
    for name in ("hold", "count_month", "remove", "delete_released", "delete_ids", "delete_quarantined"):
        real = getattr(sweeps, name)

        async def crash(*args: Any, real: Any = real, **more: Any) -> Any:
            await real(*args, **more)
            raise RuntimeError("killed")

        with monkeypatch.context() as patch:
            patch.setattr(sweeps, name, crash)
            with pytest.raises(RuntimeError):
                await articles.remove(sweep, Progress(kept, keep))
        interruptions += 1
    counts = await articles.remove(sweep, Progress(kept, keep))
    assert interruptions == 6
    assert counts == SweepCounts(3, 2, 1, 2)
    assert await ids(world, "article_held") == [OLDER]


async def test_slices_are_small_and_many(
    world: World, articles: Articles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "SLICE", 2)
    await world.submit(*(aged(world, f"up:n{n}", 101 + n) for n in range(5)))
    assert (await articles.remove(request(world, "up:n1", "up:n2", "up:n3"), Progress())).removed == 5
    assert await ids(world, "article_held") == ["up:n1", "up:n2", "up:n3"]


async def test_a_sweep_waits_for_a_delivery_that_began_before_the_retention_floor_rose(
    world: World, articles: Articles
) -> None:
    """Its document would be stored in a deleted month."""
    async with world.db.transaction() as delivery:
        await delivery.execute("UPDATE article SET updated_at = updated_at WHERE article_id = $1", YOUNG)
        sweep = asyncio.create_task(articles.remove(request(world), Progress()))
        await until(lambda: sweeps.retention_floor(world.db), what="the floor")
        assert await ids(world, "article_content") == [ANCIENT, OLD, OLDER, YOUNG]
    await sweep
    assert await ids(world, "article_content") == [YOUNG]


async def test_old_quarantine_records_are_deleted(world: World, articles: Articles) -> None:
    for days in (10, 101):
        await world.db.execute(
            "INSERT INTO quarantine (id, source, topic, partition, kafka_offset, reason, detail, headers, set_aside_at)"
            " VALUES (gen_random_uuid(), 's', 't', 0, 0, 'r', 'd', '{}', $1)",
            world.clock.now() - timedelta(days=days),
        )
    await articles.remove(request(world), Progress())
    assert await world.db.fetchval("SELECT count(*) FROM quarantine") == 1


async def test_recorded_provider_calls_are_deleted_by_age(world: World) -> None:
    for days in (10, 101, 102):
        await world.db.execute(
            "INSERT INTO api_call (feed, endpoint, started_at, took_ms, outcome) VALUES ('f', 'e', $1, 1, 'ok')",
            world.clock.now() - timedelta(days=days),
        )
    owned = retention.api_calls(world.db)
    assert await owned.remove(request(world, data_class="api_calls"), Progress()) == SweepCounts(2, 2)


async def test_a_request_is_answered_by_the_service(world: World, articles: Articles) -> None:
    assert articles.months is world.service.months
    await world.service.sweeper.requested(world.received([request(world)]))
    await world.service.sweeper.process_due()
    replies = await world.db.fetch("SELECT value FROM outbox_priority WHERE type = $1", SweepCompleted.TYPE)
    found: Sequence[SweepCompleted] = [SweepCompleted.model_validate_json(row["value"]) for row in replies]
    assert [(one.owner, one.removed, one.kept) for one in found] == [("ingester", 3, 3)]


async def test_the_tables_of_articles_are_maintained_while_they_are_used(
    world: World, articles: Articles
) -> None:
    for action in (Action.VACUUM, Action.REINDEX):
        sizes = await run_maintenance(world.db, articles.tables, action)
        names = {size.table for size in sizes}
        assert {"article", "article_content_2025_11", "article_content_past", "outbox_bulk"} < names
    assert await world.text(YOUNG) == "text"


async def test_every_query_can_be_prepared(world: World) -> None:
    assert await prepare_all(world.db, "ingester.storage") == []
