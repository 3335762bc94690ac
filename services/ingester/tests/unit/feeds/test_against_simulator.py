"""The client reads the whole simulator; the ids are compared with those that the simulator exposed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import pytest

from clawback_common.breaker import Breaker
from clawback_common.clock import SystemClock
from clawback_common.retry import Retry
from clawback_simulator.app import create_app
from clawback_simulator.client import SimulatorClient
from clawback_simulator.simulator import Simulator
from ingester.gateways.providers.answers import Unreadable, UnreadableAnswer
from ingester.gateways.providers.metabase.client import ClientOptions, MetabaseClient
from ingester.gateways.providers.metabase.codes import NOT_OUTAGES, Action, ProviderFailure
from ingester.gateways.providers.metabase.values import Page, Slice
from ingester.gateways.providers.port import ApiCall, Bad, Revoked

ONCE = Retry(attempts=1)


class AtOnce:
    """A rate limit that allows every call."""

    async def take(self) -> None:
        """Does not wait."""

    async def end(self, retry_after_s: float | None) -> None:
        """Has no effect."""


@dataclass
class Feed:
    """A client for a simulator in the test's process."""

    client: MetabaseClient
    control: SimulatorClient
    calls: list[ApiCall] = field(default_factory=list)

    async def walk(
        self, limit: int = 50, part: Slice | None = None
    ) -> tuple[dict[str, int | None], list[Bad], list[Page]]:
        """Returns everything on the feed: ids with their last sequence, unusable entries, and the pages."""
        cursor, pages = "0", list[Page]()
        while True:
            page = await self.client.articles(cursor, limit, part)
            pages.append(page)
            cursor = page.last_sequence or cursor
            if page.count < limit:
                break
        found = {article.article_id: article.source_order for page in pages for article in page.articles}
        return found, [bad for page in pages for bad in page.bad], pages

    async def walk_revoked(self, limit: int = 10) -> list[Revoked]:
        """Returns the whole log of revocations."""
        cursor, found = "0", list[Revoked]()
        while True:
            page = await self.client.revoked(cursor, limit)
            found += page.ids
            cursor = page.next_cursor or cursor
            if page.count < limit:
                return found


@pytest.fixture(params=["xml", "json"])
async def feed(request: pytest.FixtureRequest) -> AsyncIterator[Feed]:
    """One simulator with its client, for each format."""
    transport = httpx.ASGITransport(create_app(Simulator(seed=11)))
    clock = SystemClock()
    calls: list[ApiCall] = []

    async def record(call: ApiCall) -> None:
        calls.append(call)

    async with (
        httpx.AsyncClient(transport=transport) as http,
        SimulatorClient("http://sim", transport) as control,
    ):
        client = MetabaseClient(
            "http://sim",
            "development",
            http,
            pace=AtOnce(),
            breaker=Breaker("simulator", clock, failures=1000, not_failures=NOT_OUTAGES),
            record_call=record,
            clock=clock,
            options=ClientOptions(format=request.param, retry=ONCE, body_bytes_max=20_000_000),
        )
        yield Feed(client, control, calls)


async def test_everything_exposed_is_read_once_under_its_latest_sequence(feed: Feed) -> None:
    await feed.control.publish(230)
    await feed.control.update(count=9)
    truth = await feed.control.truth()
    found, bad, pages = await feed.walk()
    assert found == {f"metabase:{each.id}": int(each.sequence_ids[-1]) for each in truth.articles}
    assert bad == []
    assert sum(page.count for page in pages) == 239
    assert [call.items for call in feed.calls] == [page.count for page in pages]


async def test_the_texts_are_those_of_the_provider(feed: Feed) -> None:
    await feed.control.publish(60)
    canaries = (await feed.control.truth(canaries=True)).canaries or {}
    _, _, pages = await feed.walk()
    for article in (article for page in pages for article in page.articles):
        tokens = canaries[article.article_id.removeprefix("metabase:")][1]
        assert tokens.get("title", "") in article.title
        assert tokens.get("body", "") in (article.body or "")
        assert tokens.get("author", "") in "".join(article.authors)
        assert (article.body is None) == ("body" not in tokens)


async def test_slices_divide_the_feed_between_them(feed: Feed) -> None:
    await feed.control.publish(90)
    slices = [set((await feed.walk(20, Slice(number, 3)))[0]) for number in range(3)]
    assert sum(map(len, slices)) == 90
    assert {article_id.removeprefix("metabase:") for part in slices for article_id in part} == (
        (await feed.control.truth()).published_ids
    )


@pytest.mark.parametrize(
    ("corrupt", "code"),
    [
        ("no_id", "no_id"),
        ("no_sequence", "no_sequence"),
        ("bad_embargo", "embargo_unreadable"),
        ("bad_license_end", "licence_end_unreadable"),
        ("huge_body", "too_large"),
        ("bare", "empty"),
        ("numbers", None),
        ("unknown_elements", None),
        ("bad_date", None),
        ("nul", None),
        ("id_text", None),
    ],
)
async def test_one_damaged_article_affects_at_most_itself(feed: Feed, corrupt: str, code: str | None) -> None:
    before = (await feed.control.publish(3)).ids
    await feed.control.publish(1, corrupt=corrupt)
    after = (await feed.control.publish(3)).ids
    found, bad, _ = await feed.walk()
    assert {f"metabase:{each}" for each in before + after} <= set(found)
    assert [each.code for each in bad] == ([code] if code else [])
    assert len(found) == (6 if code else 7)


SHAPES = [
    {
        "revoked_shape": shape,
        "revoked_next": after,
        "revoked_cursor_name": name,
        "revoked_cursor_style": style,
    }
    for shape, name in (
        ("revokedArticles", "sequence_id"),
        ("articles", "sequenceId"),
        ("revokedArticles", "either"),
        ("one_as_object", "sequence_id"),
        ("wrapped", "sequence_id"),
    )
    for after, style in (("element", "number"), ("top", "opaque"), ("both", "opaque"))
]


@pytest.mark.parametrize("settings", SHAPES, ids=lambda settings: "-".join(settings.values()))
async def test_every_revocation_is_read_whichever_shape_the_provider_has(
    feed: Feed, settings: dict[str, Any]
) -> None:
    await feed.control.set(**settings)
    await feed.control.publish(30)
    await feed.control.reserve(3)
    await feed.control.revoke(count=15, unknown=4, reserved=3, timestamp=True)
    await feed.control.revoke(count=2, repeat=2, timestamp=True)
    truth = await feed.control.truth()
    found = await feed.walk_revoked()
    assert [revoked.provider_article_id for revoked in found] == [each.id for each in truth.revocations]
    assert all(revoked.revoked_at for revoked in found)


@pytest.mark.parametrize("shape", ["one_as_object", "wrapped", "ids", "bare"])
@pytest.mark.parametrize("limit", [1, 4])
async def test_revocations_as_converters_write_them_are_read_one_or_several_to_a_page(
    feed: Feed, shape: str, limit: int
) -> None:
    await feed.control.set(revoked_shape=shape, revoked_next="top", revoked_cursor_style="opaque")
    await feed.control.publish(20)
    await feed.control.revoke(count=9)
    truth = await feed.control.truth()
    found = await feed.walk_revoked(limit)
    assert [revoked.provider_article_id for revoked in found] == [each.id for each in truth.revocations]


async def read_articles(feed: Feed) -> list[dict[str, Any]]:
    """Returns every article of the feed without ``extra``; all fields must be readable."""
    _, _, pages = await feed.walk()
    assert [page.not_understood for page in pages] == [{}] * len(pages)
    return [article.model_dump(exclude={"extra"}) for page in pages for article in page.articles]


@pytest.mark.parametrize("inner_lists", ["doubled", "named"])
async def test_articles_with_inner_lists_doubled_by_a_converter_read_like_plain_ones(
    feed: Feed, inner_lists: str
) -> None:
    await feed.control.publish(120)
    plain = await read_articles(feed)
    await feed.control.set(inner_lists=inner_lists)
    assert await read_articles(feed) == plain


@pytest.mark.parametrize("shape", ["missing", "renamed", "text"])
async def test_a_malformed_response_is_never_an_empty_result(feed: Feed, shape: str) -> None:
    await feed.control.publish(3)
    await feed.control.revoke(count=2)
    await feed.control.set(revoked_shape=shape)
    with pytest.raises(UnreadableAnswer):
        await feed.client.revoked("0")


FaultMode = Literal[
    "truncated", "html", "empty", "wrong_content_type", "entity_bomb", "depth_bomb", "gzip_bomb", "not_gzip"
]
FAULTS: dict[FaultMode, set[Unreadable]] = {
    "truncated": {Unreadable.MALFORMED, Unreadable.TRUNCATED},
    "html": {Unreadable.HTML},
    "empty": {Unreadable.EMPTY},
    "wrong_content_type": {Unreadable.CONTENT_TYPE, Unreadable.HTML},
    "entity_bomb": {Unreadable.DOCTYPE, Unreadable.CONTENT_TYPE},
    "depth_bomb": {Unreadable.MALFORMED},
    "gzip_bomb": {Unreadable.TOO_LARGE},
    "not_gzip": {Unreadable.CONTENT_ENCODING},
}


@pytest.mark.parametrize(("mode", "reasons"), FAULTS.items())
@pytest.mark.parametrize("endpoint", ["articles", "revokedArticles"])
async def test_an_unusable_response_is_an_error_on_both_feeds(
    feed: Feed, mode: FaultMode, reasons: set[Unreadable], endpoint: Literal["articles", "revokedArticles"]
) -> None:
    await feed.control.publish(5)
    await feed.control.revoke(count=1)
    await feed.control.fail(endpoint, mode, **({"bomb_bytes": 40_000_000} if mode == "gzip_bomb" else {}))
    call = feed.client.articles if endpoint == "articles" else feed.client.revoked
    with pytest.raises(UnreadableAnswer) as caught:
        await call("0")
    assert caught.value.reason in reasons
    assert (await call("0")).count > 0
    assert [each.outcome == "ok" for each in feed.calls] == [False, True]


@pytest.mark.parametrize(
    ("code", "action"),
    [
        (1000, Action.STOP_AND_PAGE),
        (1004, Action.WAIT),
        (1007, Action.OUR_BUG),
        (9002, Action.TRANSIENT),
        (9005, Action.TRANSIENT),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 500])
async def test_a_failure_has_an_action_for_any_http_status(
    feed: Feed, code: int, action: Action, status: int
) -> None:
    await feed.control.fail("articles", "failure", code=code, status=status)
    with pytest.raises(ProviderFailure) as caught:
        await feed.client.articles("0")
    assert (caught.value.code, caught.value.action) == (code, action)


async def test_a_call_within_the_pause_must_wait(feed: Feed) -> None:
    await feed.control.set(pause_s=60.0)
    await feed.client.articles("0")
    with pytest.raises(ProviderFailure) as caught:
        await feed.client.articles("0")
    assert caught.value.action is Action.WAIT


async def test_search_pages_upwards_and_counts_the_remaining_articles(feed: Feed) -> None:
    await feed.control.publish(30)
    first = await feed.client.search('language:"English"', limit=20, sort="asc", cursor="0")
    second = await feed.client.search('language:"English"', limit=20, sort="asc", cursor=first.last_sequence)
    assert first.total_results is not None
    assert (first.count, second.count) == (20, first.total_results - 20)


async def test_the_quotas_can_be_read(feed: Feed) -> None:
    assert await feed.client.rate_limits()
