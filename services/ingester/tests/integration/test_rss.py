"""Feeds of RSS and Atom, from the simulator's document to stored articles, notices and quarantine."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from clawback_common.errors import Poison, Stop
from clawback_common.retry import Retry
from clawback_contracts.alert.v1 import AlertRaised
from clawback_contracts.revocation.v1 import Reason, RevocationNoticed
from clawback_simulator.rss import FeedControl, Mode, text_of
from clawback_testing.clock import FakeClock
from clawback_testing.commands import command
from ingester.domain.feed import PollResult
from ingester.gateways.providers.rss import entry
from ingester.gateways.providers.rss.client import LIMITS
from ingester.service import SERVICE, configured_feeds
from ingester.use_cases import polling
from ingester.use_cases.service import Service
from services.ingester.tests.integration.simulated import ARTICLES, Simulated, simulated_provider
from services.ingester.tests.integration.world import World

pytestmark = pytest.mark.integration

NAME = "agency-a"
FEEDS = f"""
feeds:
  - {{name: {NAME}, kind: articles, provider: rss, url: "http://simulator/rss/a?token=s3cret", licence: Agency A}}
  - {{name: {ARTICLES}, kind: articles}}
"""


@dataclass
class Reading:
    """The ingester, its feed, and the control interface of that feed."""

    simulated: Simulated
    feed: FeedControl

    @property
    def world(self) -> World:
        """Returns the ingester."""
        return self.simulated.world

    async def poll(self) -> PollResult:
        """Polls the feed, a minute later."""
        await self.simulated.advance(seconds=60)
        return await self.simulated.poll(NAME)

    async def cursor(self) -> str | None:
        """Returns the feed's cursor."""
        found: str | None = (await self.simulated.row(NAME))["cursor"]
        return found

    async def titles(self) -> dict[str, str]:
        """Returns the title of every stored article, by id."""
        rows = await self.world.db.fetch("SELECT article_id, document FROM article_content")
        return {row["article_id"]: str(json.loads(row["document"])["title"]) for row in rows}

    async def noticed(self) -> list[RevocationNoticed]:
        """Returns all notices."""
        return await self.world.events(RevocationNoticed)


@pytest_asyncio.fixture
async def reading(
    service: Service, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Reading]:
    """An empty Atom feed; calls are not retried, and may take a quarter of a second."""
    limits = replace(LIMITS, call_timeout_s=0.25, retry=Retry(attempts=1))
    monkeypatch.setattr("ingester.gateways.providers.rss.source.LIMITS", limits)
    async with simulated_provider(service, clock, tmp_path, listed=FEEDS) as found:
        yield Reading(found, found.provider.rss("a"))


@pytest.mark.parametrize("form", ["atom", "rss"])
async def test_an_entry_is_stored_and_published_under_the_licence_of_its_feed(
    reading: Reading, form: str
) -> None:
    await reading.feed.set(format=form)
    await reading.feed.publish(2)
    result = await reading.poll()
    assert (result.received, result.pages, result.caught_up, result.error) == (2, 1, True, None)
    first, second = sorted(await reading.world.published(), key=lambda one: one.published_at)
    assert (first.title, second.title) == (text_of(1, 1, "title"), text_of(2, 1, "title"))
    assert (first.summary, first.body) == (text_of(1, 1, "summary"), f"<p>{text_of(1, 1, 'body')}</p>")
    assert (first.authors, first.tags, first.language) == (("Ann",), ("markets",), "en")
    assert (first.url, first.source.key) == ("https://news.example/1", NAME)
    assert [one.name for one in first.licences] == ["Agency A"]
    assert first.article_id.startswith(f"rss:{NAME}-")


@pytest.mark.parametrize("form", ["atom", "rss"])
async def test_a_changed_entry_is_a_new_version_of_the_same_article(reading: Reading, form: str) -> None:
    await reading.feed.set(format=form)
    ids = await reading.feed.publish(2)
    await reading.poll()
    before = {one.article_id: one for one in await reading.world.published()}
    await reading.feed.update(ids[0])
    await reading.poll()
    (after,) = await reading.world.published()
    assert after.version > before[after.article_id].version
    assert (after.title, after.published_at) == (
        text_of(1, 2, "title"),
        before[after.article_id].published_at,
    )
    assert len(await reading.titles()) == 2


async def test_an_older_copy_replaces_nothing(reading: Reading) -> None:
    (one,) = await reading.feed.publish()
    await reading.poll()
    row = await reading.world.db.fetchrow("SELECT article_id, version FROM article")
    old = f"<entry><id>{one}</id><title>old</title><updated>2020-01-01T00:00:00Z</updated></entry>"
    await reading.feed.publish(raw=old)
    await reading.poll()
    assert await reading.world.db.fetchrow("SELECT article_id, version FROM article") == row
    assert list((await reading.titles()).values()) == [text_of(1, 1, "title")]


@pytest.mark.parametrize("form", ["atom", "rss"])
async def test_a_deleted_entry_is_noticed_once_as_the_licensors_revocation(
    reading: Reading, form: str
) -> None:
    await reading.feed.set(format=form)
    ids = await reading.feed.publish(2)
    await reading.poll()
    deleted = next(key for key, one in (await reading.titles()).items() if one == text_of(1, 1, "title"))
    await reading.feed.delete(ids[0])
    assert (await reading.poll()).noticed == 1
    (notice,) = await reading.noticed()
    assert (notice.article_id, notice.noticed_by, notice.reason) == (deleted, NAME, Reason.LICENSOR)
    assert notice.revoked_at is not None
    assert timedelta() <= reading.world.clock.now() - notice.revoked_at <= timedelta(minutes=2)
    await reading.feed.publish()
    assert (await reading.poll()).noticed == 0
    assert len(await reading.noticed()) == 1


async def test_an_unchanged_feed_needs_one_call_and_stores_nothing(reading: Reading) -> None:
    await reading.feed.publish(3)
    await reading.poll()
    await reading.world.published()
    result = await reading.poll()
    assert (result.received, result.caught_up, result.error) == (0, True, None)
    assert await reading.feed.served() == [200, 304]
    assert await reading.world.published() == []
    calls = await reading.world.db.fetch("SELECT * FROM api_call WHERE feed = $1 ORDER BY id", NAME)
    assert [(one["http_status"], one["items"]) for one in calls] == [(200, 3), (304, 0)]
    assert calls[1]["bytes"] == 0


async def test_a_feed_without_validators_is_compared_by_its_bytes(reading: Reading) -> None:
    await reading.feed.set(etag=False, last_modified=False)
    await reading.feed.publish(3)
    assert [(await reading.poll()).received for _ in range(2)] == [3, 0]
    assert await reading.feed.served() == [200, 200]


async def test_an_entry_that_leaves_the_document_changes_nothing(reading: Reading) -> None:
    await reading.feed.set(window=2)
    await reading.feed.publish(2)
    await reading.poll()
    await reading.feed.publish(2)
    assert (await reading.poll()).noticed == 0
    assert len(await reading.titles()) == 4
    assert await reading.noticed() == []
    await reading.feed.set(window=0)
    assert ((await reading.poll()).caught_up, await reading.noticed()) == (True, [])


async def test_another_process_continues_with_the_cursor(reading: Reading) -> None:
    await reading.feed.publish(2)
    await reading.poll()
    service, transport = reading.world.service, reading.simulated.provider._http._transport
    async with httpx.AsyncClient(transport=transport) as http:
        again = configured_feeds(service.settings, service.db, service.clock, http)
        assert (await polling.poll(again[NAME], service, "test")).received == 0
    assert await reading.feed.served() == [200, 304]


async def test_after_a_reset_of_the_cursor_all_is_read_again_and_nothing_is_new(reading: Reading) -> None:
    await reading.feed.publish(2)
    await reading.poll()
    await reading.world.published()
    words = (NAME, "--to-oldest", "--by", "ann", "--reason", "look again")
    assert await command(SERVICE, reading.world.service, "cursor", *words) == 0
    assert (await reading.poll()).received == 2
    assert await reading.feed.served() == [200, 200]
    assert await reading.world.published() == []
    with pytest.raises(Stop, match="the state of its document"):
        await command(SERVICE, reading.world.service, "cursor", NAME, "--set", "7", *words[2:])
    with pytest.raises(Stop, match="--to-oldest"):
        await command(SERVICE, reading.world.service, "cursor", NAME, "--to-newest", *words[2:])


async def test_a_long_document_is_stored_page_by_page_and_the_cursor_moves_with_the_last(
    reading: Reading,
) -> None:
    await reading.feed.set(window=1_200)
    await reading.feed.publish(1_200)
    await reading.simulated.advance(hours=1)
    result = await reading.poll()
    assert (result.pages, result.received, result.error) == (3, 1_200, None)
    assert len(await reading.titles()) == 1_200
    assert await reading.feed.served() == [200]
    assert (await reading.poll()).received == 0


@pytest.mark.parametrize("mode", ["truncated", "html", "error", "redirect", "entity_bomb", "empty", "drip"])
async def test_a_response_that_is_not_a_document_stores_nothing_and_moves_no_cursor(
    reading: Reading, mode: Mode
) -> None:
    ids = await reading.feed.publish(2)
    await reading.poll()
    before = (await reading.cursor(), await reading.titles())
    await reading.feed.delete(ids[0])
    await reading.feed.publish()
    await reading.feed.fail(mode)
    result = await reading.poll()
    assert (result.received, result.noticed, result.caught_up) == (0, 0, False)
    assert result.error
    assert "s3cret" not in result.error
    assert ((await reading.cursor(), await reading.titles()), await reading.noticed()) == (before, [])
    assert (await reading.simulated.row(NAME))["state"] == "failing"
    await reading.simulated.advance(hours=1)
    assert ((await reading.poll()).noticed, len(await reading.titles())) == (1, 3)
    assert (await reading.simulated.row(NAME))["state"] == "ok"


async def test_a_missing_or_refused_feed_stops_until_a_person_resumes_it(reading: Reading) -> None:
    await reading.feed.fail("gone")
    assert "HTTP 410" in str((await reading.poll()).error)
    assert (await reading.simulated.row(NAME))["state"] == "stopped"
    await reading.feed.set(authorization="Bearer x")
    assert "HTTP 401" in str((await reading.poll()).error)


async def test_a_pause_requested_by_the_server_applies_only_to_its_provider(reading: Reading) -> None:
    await reading.feed.fail("rate_limited", retry_after_s=600)
    assert "HTTP 429" in str((await reading.poll()).error)
    assert "requested a pause" in str((await reading.poll()).error)
    assert await reading.feed.served() == [429]
    await reading.simulated.provider.publish(1)
    assert (await reading.simulated.poll(ARTICLES)).received == 1


async def test_an_unusable_entry_is_quarantined_once_and_reprocessed_when_it_is_usable(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reading.feed.publish(raw="<entry><id>tag:late</id><title>late</title></entry>")
    with monkeypatch.context() as without:
        without.setattr(entry, "_IDS", ())
        await reading.poll()
        await reading.feed.publish(raw="<entry><link href='https://news.example/x'/></entry>")
        await reading.poll()
        assert len(await reading.titles()) == 1
    rows = await reading.world.db.fetch("SELECT reason, topic, value, arrived_at FROM quarantine")
    assert [(row["reason"], row["topic"]) for row in rows] == [("no_id", f"feed:{NAME}")]
    feed, service = reading.simulated.feeds[NAME], reading.world.service
    await polling.entry_again(feed, NAME, rows[0]["value"], rows[0]["arrived_at"], service)
    assert "late" in (await reading.titles()).values()


async def test_an_entry_that_is_still_unusable_is_refused_again_and_a_deleted_one_is_noticed(
    reading: Reading,
) -> None:
    feed, service, now = reading.simulated.feeds[NAME], reading.world.service, reading.world.clock.now()
    for raw, reason in (
        (b"<item/>", "no_id"),
        (b'{"json": 1}', "unreadable"),
        (b"<deleted-entry/>", "no_ref"),
    ):
        with pytest.raises(Poison, match=reason):
            await polling.entry_again(feed, NAME, raw, now, service)
    await polling.entry_again(
        feed, NAME, b'<deleted-entry ref="tag:x" when="2026-02-28T10:00:00Z"/>', now, service
    )
    assert [one.article_id.startswith(f"rss:{NAME}-") for one in await reading.noticed()] == [True]


async def test_dead_letters_of_the_feed_are_retried_by_its_reader(
    reading: Reading, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await reading.feed.publish(raw="<entry><id>tag:late</id><title>late</title></entry>")
    with monkeypatch.context() as without:
        without.setattr(entry, "_IDS", ())
        await reading.poll()
    reading.world.clock.advance(minutes=1)
    assert await command(SERVICE, reading.world.service, "replay-dlq") == 0
    assert "1 reprocessed, 0 failed again" in capsys.readouterr().out
    assert list((await reading.titles()).values()) == ["late"]


async def test_a_deleted_entry_without_a_reference_is_an_incident_and_an_alert(reading: Reading) -> None:
    await reading.feed.publish(raw="<at:deleted-entry/>")
    await reading.feed.publish()
    assert (await reading.poll()).noticed == 0
    assert await reading.world.alerts() == ["UnreadableRevocation"]
    assert await reading.world.db.fetchval("SELECT count(*) FROM incident WHERE closed_at IS NULL") == 1
    assert len(await reading.titles()) == 1
    await reading.feed.publish()
    await reading.poll()
    assert await reading.world.db.fetchval("SELECT count(*) FROM incident") == 1


async def test_an_entry_without_a_time_is_stored_once_however_often_the_feed_changes(
    reading: Reading,
) -> None:
    await reading.feed.publish(raw="<entry><id>tag:undated</id><title>undated</title></entry>")
    await reading.poll()
    assert len(await reading.world.published()) == 1
    await reading.feed.publish()
    await reading.poll()
    assert [one.title for one in await reading.world.published()] == [text_of(2, 1, "title")]


async def test_records_contain_no_text_and_no_secret_of_the_address(
    reading: Reading, capfd: pytest.CaptureFixture[str]
) -> None:
    await reading.feed.publish(2)
    await reading.feed.publish(raw="<entry><title>canary</title></entry>")
    await reading.poll()
    await reading.feed.fail("truncated")
    await reading.poll()
    records: list[Any] = [await reading.world.unsent(AlertRaised)]
    for table in ("api_call", "feed", "feed_poll", "feed_cursor_change", "key_pace", "incident"):
        records += [dict(row) for row in await reading.world.db.fetch(f"SELECT * FROM {table}")]  # noqa: S608
    shown = str(records) + "".join(capfd.readouterr())
    words = ["s3cret", "canary", *(text_of(1, 1, place) for place in ("title", "summary", "body"))]
    assert not [word for word in words if word in shown]
    assert "http://simulator/rss/a" in shown
