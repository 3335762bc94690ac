"""A cursor belongs to the provider's address and our key; a change by a person is recorded with the resulting gap."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import AnyHttpUrl, SecretStr

from clawback_common.errors import Stop
from clawback_contracts.alert.v1 import AlertRaised
from clawback_testing.commands import command
from ingester.service import SERVICE
from ingester.storage import feeds
from ingester.use_cases.poll_runs import poll_recorded
from services.ingester.tests.integration.simulated import ARTICLES, REVOKED, Simulated, simulated_provider
from services.ingester.tests.integration.world import Script, World, articles_page

pytestmark = pytest.mark.integration


async def run(simulated: Simulated, *words: str) -> int:
    """Runs the command for one of the feeds."""
    return await command(SERVICE, simulated.world.service, "cursor", *words)


async def changes(world: World) -> list[dict[str, Any]]:
    """Returns the recorded changes of cursors."""
    rows = await world.db.fetch(
        "SELECT feed, changed_by, reason, former, cursor, gap FROM feed_cursor_change ORDER BY id"
    )
    return [dict(row) for row in rows]


async def test_a_cursor_that_the_provider_no_longer_accepts_is_set_to_the_oldest_and_the_gap_is_reported(
    simulated: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    await simulated.provider.set(old_cursor="refuse")
    await simulated.provider.publish(5)
    await simulated.poll(ARTICLES)
    former = (await simulated.row(ARTICLES))["cursor"]
    await simulated.advance(hours=1)
    await simulated.provider.publish(5)
    await simulated.advance(hours=90)
    await simulated.provider.publish(5)
    assert "1008" in str((await simulated.poll(ARTICLES)).error)
    assert (await simulated.row(ARTICLES))["state"] == "stopped"
    assert await run(simulated, ARTICLES, "--to-oldest", "--by", "ann", "--reason", "1008") == 0
    output = capsys.readouterr().out
    assert "gap: articles from 2026-03-01 12:00 UTC to" in output
    (change,) = await changes(simulated.world)
    assert change["gap"] in output
    assert (change["changed_by"], change["reason"], change["former"], change["cursor"]) == (
        "ann",
        "1008",
        former,
        None,
    )
    assert (await simulated.row(ARTICLES))["gap_from"] is not None
    assert (await simulated.poll(ARTICLES)).received == 5
    assert (await simulated.row(ARTICLES))["state"] == "ok"


async def test_the_oldest_cursor_leaves_no_gap_if_the_provider_still_has_the_last_read_article(
    simulated: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    await simulated.provider.publish(5)
    await simulated.poll(ARTICLES)
    assert await run(simulated, ARTICLES, "--to-oldest") == 0
    assert "gap: none" in capsys.readouterr().out
    assert (await simulated.row(ARTICLES))["gap_from"] is None
    assert (await simulated.poll(ARTICLES)).received == 5


async def test_the_newest_cursor_skips_entries_and_reports_the_gap(
    simulated: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    await simulated.provider.publish(5)
    await simulated.poll(ARTICLES)
    await simulated.advance(hours=2)
    skipped = await simulated.provider.publish(30)
    assert await run(simulated, ARTICLES, "--to-newest", "--reason", "too far behind") == 0
    assert "gap: articles from 2026-03-01 12:00 UTC to 2026-03-01 14:00 UTC" in capsys.readouterr().out
    assert (await simulated.row(ARTICLES))["cursor"] == skipped.last_sequence
    fresh = await simulated.provider.publish(3)
    assert (await simulated.poll(ARTICLES)).received == 3
    assert set(fresh.ids) <= await simulated.stored()
    assert not set(skipped.ids) & await simulated.stored()


async def test_revocations_are_never_skipped_to_the_newest_but_read_again_from_the_oldest(
    simulated: Simulated,
) -> None:
    await simulated.provider.publish(5)
    await simulated.provider.revoke(count=3)
    await simulated.poll(REVOKED)
    with pytest.raises(Stop, match="must not be skipped"):
        await run(simulated, REVOKED, "--to-newest")
    assert await run(simulated, REVOKED, "--to-oldest") == 0
    result = await simulated.poll(REVOKED)
    assert (result.received, result.noticed) == (3, 0)


async def test_a_cursor_can_be_set_and_skipping_ahead_is_a_gap(
    simulated: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    published = await simulated.provider.publish(9)
    await simulated.poll(ARTICLES)
    assert await run(simulated, ARTICLES, "--set", str(published.first_sequence)) == 0
    assert "gap: none" in capsys.readouterr().out
    assert (await simulated.poll(ARTICLES)).received == 8
    ahead = str(int(str(published.last_sequence)) + 10**6)
    assert await run(simulated, ARTICLES, "--set", ahead) == 0
    assert f"between {published.last_sequence} and {ahead}" in capsys.readouterr().out
    assert await run(simulated, REVOKED, "--set", "444444444") == 0
    assert "revocations" in (await changes(simulated.world))[-1]["gap"]
    with pytest.raises(Stop, match="number"):
        await run(simulated, ARTICLES, "--set", "newest")
    with pytest.raises(Stop, match="FEEDS"):
        await run(simulated, "unknown", "--to-oldest")


async def test_a_running_poll_does_not_reset_a_cursor_that_a_person_has_set(
    world: World, script: Script
) -> None:
    feed = script.feed("articles")
    world.configure(feed)

    async def set_by_person() -> object:
        assert await command(SERVICE, world.service, "cursor", feed.name, "--set", "77") == 0
        return articles_page(world.article("metabase:1", source_order=1), cursor="1")

    script.responses = [set_by_person]
    assert (await poll_recorded(feed, world.service, "test")).received == 0
    assert script.cursors == ["0", "77"]
    assert (await feeds.one(world.db, feed.name))["cursor"] == "77"


async def test_without_options_the_command_shows_the_feeds_position_and_who_moved_it(
    simulated: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    await simulated.provider.publish(5)
    await simulated.poll(ARTICLES)
    await run(simulated, ARTICLES, "--to-oldest", "--by", "ann", "--reason", "a test")
    capsys.readouterr()
    assert await run(simulated, ARTICLES) == 0
    output = capsys.readouterr().out
    assert "http://simulator" in output
    assert "ann: a test" in output


ANOTHER: dict[str, dict[str, Any]] = {
    "address": {"metabase_url": AnyHttpUrl("http://other/")},
    "key": {"metabase_api_key": SecretStr("k2")},
}


@pytest.mark.parametrize("what", ANOTHER)
async def test_a_cursor_of_another_provider_or_key_is_not_used_and_the_feed_starts_again_with_an_alert(
    simulated: Simulated, tmp_path: Path, what: str
) -> None:
    await simulated.provider.publish(5)
    await simulated.provider.revoke(count=2)
    for name in (ARTICLES, REVOKED):
        await simulated.poll(name)
    async with simulated_provider(
        simulated.world.service, simulated.world.clock, tmp_path, **ANOTHER[what]
    ) as other:
        published = await other.provider.publish(7)
        result = await other.poll(ARTICLES)
        assert (result.received, result.caught_up) == (7, True)
        assert set(published.ids) <= await other.stored()
        (change,) = await changes(other.world)
        assert (change["feed"], change["changed_by"], change["cursor"]) == (ARTICLES, "ingester", None)
        assert what in change["reason"]
        (alert,) = await other.world.unsent(AlertRaised)
        assert (alert.name, alert.labels) == ("FeedCursorReset", {"feed": ARTICLES})
        assert "k2" not in alert.summary + change["reason"]
        assert (await other.row(REVOKED))["last_complete_at"] is not None
        await other.poll(REVOKED)
        assert len(await changes(other.world)) == 2


async def test_a_cursor_stored_without_an_address_is_kept(simulated: Simulated) -> None:
    await simulated.provider.publish(5)
    await simulated.poll(ARTICLES)
    await simulated.world.db.execute("UPDATE feed SET endpoint = NULL, key_digest = NULL")
    assert (await simulated.poll(ARTICLES)).received == 0
    assert (await simulated.row(ARTICLES))["endpoint"] == "http://simulator/"
    assert await changes(simulated.world) == []


async def test_a_cursor_of_revocations_that_the_provider_no_longer_accepts_is_set_to_the_oldest(
    simulated: Simulated,
) -> None:
    await simulated.provider.publish(9)
    await simulated.provider.revoke(count=3)
    await simulated.poll(REVOKED)
    cursor = (await simulated.row(REVOKED))["cursor"]
    await simulated.provider.set(refused_cursors=[cursor])
    await simulated.provider.revoke(count=2)
    assert "1008" in str((await simulated.poll(REVOKED)).error)
    assert (await simulated.row(REVOKED))["cursor"] == cursor
    assert await run(simulated, REVOKED, "--to-oldest", "--reason", "1008") == 0
    result = await simulated.poll(REVOKED)
    assert (result.caught_up, result.received, result.noticed) == (True, 5, 2)
