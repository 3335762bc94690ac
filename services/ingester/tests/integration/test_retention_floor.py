"""A retention floor that was raised by mistake is lowered by a command, and the articles are stored again."""

from datetime import timedelta

import pytest

from clawback_common.errors import Poison, Stop
from clawback_common.retention import Progress
from clawback_common.service.cli import main
from clawback_testing.commands import command
from ingester.service import SERVICE
from ingester.storage import sweeps
from ingester.storage.retention import Articles
from services.ingester.tests.integration.test_sweep import OLDER, aged, articles, before, ids, request
from services.ingester.tests.integration.world import World

__all__ = ["articles"]
pytestmark = pytest.mark.integration


async def run(world: World, *words: str) -> int:
    return await command(SERVICE, world.service, "floor", *words)


async def test_a_floor_is_never_in_the_future(world: World, articles: Articles) -> None:
    later = world.clock.now() + timedelta(seconds=1)
    with pytest.raises(Poison, match="floor_in_future"):
        await articles.remove(request(world, before=later), Progress())
    assert await sweeps.retention_floor(world.db) is None
    assert len(await ids(world, "article_content")) == 4


async def test_articles_removed_by_a_mistaken_sweep_are_stored_when_delivered_again(
    world: World, articles: Articles, capsys: pytest.CaptureFixture[str]
) -> None:
    again = aged(world, OLDER, 140, source_order=7)
    await world.submit(again)
    await articles.remove(request(world), Progress())
    await world.submit(again)
    assert await world.text(OLDER) is None, "the floor refuses it"
    to = (world.clock.now() - timedelta(days=3650)).isoformat()
    assert await run(world, "--lower-to", to, "--by", "ann", "--reason", "a wrong clock") == 0
    assert "records that are accepted when they are delivered again: 2" in capsys.readouterr().out
    await world.submit(again)
    assert await world.text(OLDER) == "text"
    change = await world.db.fetchrow("SELECT changed_by, reason, former FROM floor_change")
    assert change is not None
    assert tuple(change) == ("ann", "a wrong clock", before(world))
    job = await world.db.fetchrow("SELECT job, subject, outcome FROM job_run")
    assert job is not None
    assert tuple(job) == ("floor", "ann", "done")


async def test_another_process_with_a_stale_list_of_months_stores_again(
    world: World, articles: Articles
) -> None:
    months = world.service.months
    await months.make([world.clock.now() - timedelta(days=140)])
    other = Articles(world.db, world.clock, type(months)(world.db))
    await other.remove(request(world), Progress())
    to = (world.clock.now() - timedelta(days=200)).isoformat()
    await run(world, "--lower-to", to, "--by", "ann", "--reason", "x")
    stale = type(months)(world.db)
    stale._there = {f"article_content_{year}_{month:02}" for year in (2025, 2026) for month in range(1, 13)}
    object.__setattr__(world.service, "months", stale)
    await world.submit(aged(world, "up:new", 140))
    assert await world.text("up:new") == "text"
    assert articles is not None


async def test_a_lowered_floor_admits_no_revoked_article(world: World, articles: Articles) -> None:
    await world.order(world.revocation(OLDER))
    await articles.remove(request(world), Progress())
    to = (world.clock.now() - timedelta(days=200)).isoformat()
    await run(world, "--lower-to", to, "--by", "ann", "--reason", "x")
    await world.submit(aged(world, OLDER, 140))
    assert await world.text(OLDER) is None


async def test_without_a_time_the_floor_is_printed_and_an_equal_or_later_one_changes_nothing(
    world: World, articles: Articles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(world) == 0
    assert "floor: none" in capsys.readouterr().out
    await articles.remove(request(world), Progress())
    at = before(world).isoformat()
    assert await run(world, "--lower-to", at, "--by", "ann", "--reason", "x") == 0
    assert f"floor: {at}" in capsys.readouterr().out
    assert await world.db.fetchval("SELECT count(*) FROM floor_change") == 0


async def test_lowering_the_floor_needs_a_name_a_reason_and_a_past_time(world: World) -> None:
    at = world.clock.now().isoformat()
    for words in (["--by", "ann"], ["--reason", "x"], []):
        with pytest.raises(Stop, match="--by and --reason"):
            await run(world, "--lower-to", at, *words)
    with pytest.raises(Stop, match="is in the future"):
        await run(world, "--lower-to", "2099-01-01T00:00:00Z", "--by", "ann", "--reason", "x")


@pytest.mark.parametrize("words", [["2024-01-01"], ["soon"], ["2024-01-01T00:00:00Z", "--by", ""]])
def test_wrong_usage_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(SERVICE, ["floor", "--lower-to", *words])
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err
