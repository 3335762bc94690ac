"""Requests for a document with a fake transport: conditional, rate-limited, recorded, and without secrets."""

import asyncio
import gzip
import logging
import traceback
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from clawback_common.breaker import BreakerOpen
from clawback_common.clock import Clock
from clawback_common.errors import ClawbackError, Transient
from clawback_common.retry import Retry
from clawback_testing.clock import FakeClock
from ingester.domain.pages import End, PageSizes
from ingester.gateways.providers import port
from ingester.gateways.providers.answers import Unreadable, UnreadableAnswer
from ingester.gateways.providers.port import ApiCall, Feed, Page, ProviderContext, RecordCall
from ingester.gateways.providers.rss import feeds
from ingester.gateways.providers.rss.client import LIMITS
from ingester.settings import FeedSettings, Settings

URL = "https://user:pa55word@feeds.example/news.xml?token=s3cret"
LIMITS_OF = "ingester.gateways.providers.rss.source.LIMITS"
ONCE = replace(LIMITS, retry=Retry(attempts=1))
SECRETS = ("pa55word", "s3cret", "bearer-9f")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Reply = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def document(*ids: str, **headers: str) -> httpx.Response:
    items = "".join(f"<item><guid>{one}</guid></item>" for one in ids)
    body = f"<rss><channel>{items}</channel></rss>".encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(200, content=body, headers={"content-type": "application/rss+xml", **named})


def not_gzip(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip"))


@dataclass(repr=False)
class World:
    """A feed, its server, and a record of events."""

    responses: list[Reply]
    requests: list[httpx.Request] = field(default_factory=list)
    calls: list[ApiCall] = field(default_factory=list)
    paced: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    options: dict[str, object] = field(default_factory=dict)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        context = ProviderContext(Settings(), self._clock, self._http, self.pace, self.record)
        listed = {"name": "agency-a", "kind": "articles", "url": URL, "licence": "A", **self.options}
        (self.feed,) = feeds(FeedSettings.model_validate(listed), context)

    @property
    def _clock(self) -> Clock:
        return self.clock

    @property
    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self.respond))

    def respond(self, request: httpx.Request) -> httpx.Response:
        """Returns the next response."""
        self.requests.append(request)
        self.story.append("call")
        response = self.responses.pop(0)
        if isinstance(response, Exception):
            raise response
        if callable(response):
            return response(request)
        stream = httpx.ByteStream(response.content)
        return httpx.Response(response.status_code, headers=response.headers, stream=stream)

    def pace(self, feed: FeedSettings, _: timedelta) -> "World":
        """Returns the rate limit of the feed's key."""
        self.paced.append(feed.key)
        return self

    async def take(self) -> None:
        """Does not wait."""
        self.story.append("turn")

    async def end(self, retry_after_s: float | None) -> None:
        """Records the requested pause."""
        self.story.append("end" if retry_after_s is None else f"rest {retry_after_s:.0f}")

    def record(self, feed: FeedSettings, poll_id: UUID) -> RecordCall:
        """Appends the call to a list."""
        assert (feed.name, isinstance(poll_id, UUID)) == ("agency-a", True)

        async def keep(call: ApiCall) -> None:
            self.calls.append(call)

        return keep

    async def page(self, cursor: str | None = None, limit: int = 500) -> Page:
        """Reads one page in a separate poll."""
        return await self.feed.source.connect(uuid4()).page(cursor, limit)


@pytest.fixture(autouse=True)
def _no_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """One attempt, unless a test sets more."""
    monkeypatch.setattr(LIMITS_OF, ONCE)


async def test_the_document_is_requested_at_its_address_and_read_as_a_page() -> None:
    world = World([document("1", "2")])
    page = await world.page()
    assert (len(page.articles), page.count) == (2, 2)
    (request,) = world.requests
    assert (str(request.url), request.headers["accept-encoding"]) == (URL, "gzip")
    assert not {"if-none-match", "if-modified-since"} & set(request.headers)
    assert world.story == ["turn", "call", "end"]
    (call,) = world.calls
    assert (call.endpoint, call.http_status, call.items, call.cursor, call.outcome) == (
        "document",
        200,
        2,
        None,
        "ok",
    )


async def test_a_known_document_is_requested_conditionally() -> None:
    state = {"etag": '"v1"', "last_modified": "Sun, 01 Mar 2026 10:00:00 GMT"}
    world = World([document("1", **state), httpx.Response(304)])
    first = await world.page()
    assert await world.page(first.cursor) == Page(cursor=first.cursor)
    headers = world.requests[1].headers
    assert (headers["if-none-match"], headers["if-modified-since"]) == ('"v1"', state["last_modified"])
    assert [(call.http_status, call.items, call.outcome) for call in world.calls] == [
        (200, 1, "ok"),
        (304, 0, "ok"),
    ]
    assert world.calls[1].cursor == first.cursor


async def test_the_same_bytes_are_no_change_whatever_the_servers_validators() -> None:
    world = World([document("1", etag='"a"'), document("1", etag='"b"'), document("1", "2")])
    first = await world.page()
    again = await world.page(first.cursor)
    assert (again.count, again.articles) == (0, ())
    assert again.cursor not in {None, first.cursor}
    assert (await world.page(again.cursor)).count == 2


async def test_a_feed_whose_cursor_was_reset_or_is_foreign_is_read_completely() -> None:
    world = World([document("1", etag='"a"')] * 3)
    await world.page()
    assert (await world.page(None)).count == 1
    assert (await world.page("1782454301592")).count == 1
    assert not any("if-none-match" in request.headers for request in world.requests)


async def test_304_to_an_unconditional_call_is_an_error() -> None:
    with pytest.raises(UnreadableAnswer):
        await World([httpx.Response(304)]).page()


@pytest.mark.parametrize("etag", ["x" * 143, '"a\tb"'])
async def test_a_validator_that_cannot_be_stored_counts_as_none(etag: str) -> None:
    world = World([document("1", etag=etag), document("1")])
    page = await world.page()
    assert page.cursor is not None
    assert len(page.cursor) <= 200
    assert page.cursor.isprintable()
    assert (await world.page(page.cursor)).count == 0
    assert "if-none-match" not in world.requests[1].headers


async def test_the_longest_validators_fit_into_a_cursor_and_are_sent_back() -> None:
    validators = {"etag": 'W/"' + "|" * 138 + '"', "last_modified": "x" * 40}
    world = World([document("1", **validators), httpx.Response(304)])
    cursor = (await world.page()).cursor
    assert cursor is not None
    assert len(cursor) == 200
    assert world.feed.source.place(cursor) is None
    await world.page(cursor)
    assert world.requests[1].headers["if-none-match"] == validators["etag"]


@pytest.mark.parametrize(
    "cursor", ["", "0", "newest", "a" * 16, f"{'a' * 16}||\n", f"{'a' * 16}||{'b' * 143}"]
)
def test_an_invalid_cursor_of_a_feed_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match="state of its document"):
        World([]).feed.source.place(cursor)


async def test_a_long_document_is_requested_once_and_moves_the_cursor_with_its_last_page() -> None:
    world = World([document("1", "2", "3", "4", "5")])
    reader, ends = world.feed.source.connect(uuid4()), []
    pages = [await reader.page(None, 2) for _ in range(3)]
    ends = [world.feed.source.end(page, PageSizes(2), None) for page in pages]
    assert [page.count for page in pages] == [2, 2, 1]
    assert ends == [End.MORE, End.MORE, End.COMPLETE]
    assert [page.cursor is None for page in pages] == [True, True, False]
    assert len({one.article_id for page in pages for one in page.articles}) == 5
    assert len(world.requests) == 1


async def test_an_empty_feed_is_read_to_its_end() -> None:
    world = World([document()])
    page = await world.page()
    assert (page.count, world.feed.source.end(page, PageSizes(2), None)) == (0, End.COMPLETE)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_refusal_stops_the_feed_and_does_not_open_the_breaker(status: int) -> None:
    world = World([httpx.Response(status, content=b"x" * 100)] * 9)
    for _ in range(9):
        with pytest.raises(port.Refused, match=f"HTTP {status}"):
            await world.page()
    assert {(call.outcome, call.http_status) for call in world.calls} == {("stop_and_page", status)}


@pytest.mark.parametrize("status", [400, 408, 418, 429, 451, 500, 502, 503])
async def test_any_other_failure_is_temporary(status: int) -> None:
    with pytest.raises(Transient, match=f"HTTP {status}") as failed:
        await World([httpx.Response(status)]).page()
    assert not isinstance(failed.value, port.Refused)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("retry_after", ["90", "Sun, 01 Mar 2026 12:01:30 GMT"])
async def test_a_pause_requested_by_the_server_is_passed_on(status: int, retry_after: str) -> None:
    world = World([httpx.Response(status, headers={"retry-after": retry_after})], clock=FakeClock(NOW))
    with pytest.raises(Transient) as failed:
        await world.page()
    assert failed.value.retry_after_s == 90
    assert world.story == ["turn", "call", "rest 90"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    world = World([httpx.Response(status, headers={"location": "http://169.254.169.254/"}), document("1")])
    with pytest.raises(UnreadableAnswer) as refused:
        await world.page()
    assert refused.value.reason is Unreadable.REDIRECT
    assert len(world.requests) == 1


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (httpx.Response(200, content=b"<html></html>", headers={"content-type": "text/html"}), "html"),
        (httpx.Response(200, content=b"<rss><channel>"), "malformed"),
        (httpx.Response(200, content=b""), "empty"),
        (httpx.Response(206, content=b"<rss><channel/></rss>"), "not_an_answer"),
        (not_gzip, "content_encoding"),
        (httpx.ConnectError("no route to https://feeds.example/news.xml?token=s3cret"), "unreachable"),
        (httpx.ReadTimeout("slow"), "unreachable"),
        (httpx.RemoteProtocolError("cut"), "unreachable"),
    ],
)
async def test_an_unusable_response_is_temporary_and_recorded(response: Reply, outcome: str) -> None:
    world = World([response])
    with pytest.raises(Transient):
        await world.page()
    assert [call.outcome for call in world.calls] == [outcome]


async def test_a_bomb_is_refused_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LIMITS_OF, replace(ONCE, body_bytes_max=10_000))
    packed = gzip.compress(b"<rss>" + b" " * 1_000_000)
    headers = {"content-encoding": "gzip"}
    world = World([lambda _: httpx.Response(200, headers=headers, stream=httpx.ByteStream(packed))])
    with pytest.raises(UnreadableAnswer) as refused:
        await world.page()
    assert refused.value.reason is Unreadable.TOO_LARGE


async def test_a_slow_response_is_aborted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LIMITS_OF, replace(ONCE, call_timeout_s=0.05))

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.001)

    world = World([lambda _: httpx.Response(200, content=drip())])
    with pytest.raises(Transient, match="document: time-out"):
        await world.page()
    assert world.story == ["turn", "call", "end"]


async def test_only_temporary_failures_are_retried_each_in_a_separate_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(LIMITS_OF, replace(LIMITS, retry=Retry(attempts=3, first_delay_ms=0)))
    world = World([httpx.Response(500), httpx.Response(200, content=b"<rss"), document("1")])
    assert (await world.page()).count == 1
    assert world.story == ["turn", "call", "end"] * 3
    refused = World([httpx.Response(403)])
    with pytest.raises(port.Refused):
        await refused.page()
    assert len(refused.requests) == 1


async def test_a_server_that_keeps_failing_is_not_called() -> None:
    world = World([httpx.Response(500)] * 5)
    for _ in range(5):
        with pytest.raises(Transient):
            await world.page()
    with pytest.raises(BreakerOpen):
        await world.page()
    assert len(world.requests) == 5


@pytest.mark.parametrize(
    "response",
    [
        document("1"),
        httpx.Response(403),
        httpx.Response(500),
        httpx.ConnectError(f"to {URL}"),
        httpx.Response(302),
    ],
)
@pytest.mark.parametrize("where", ["in a file", "in the address"])
async def test_secrets_of_the_address_are_shown_nowhere(
    response: Reply, where: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "authorization"
    path.write_text("Bearer bearer-9f\n")
    in_file = {"authorization_file": str(path), "url": URL.replace("user:pa55word@", "")}
    world, trace = World([response], options={**in_file} if where == "in a file" else {}), ""
    with caplog.at_level(logging.DEBUG):
        try:
            await world.page()
        except ClawbackError as error:
            trace = "".join(traceback.format_exception(error))
    sent = world.requests[0].headers["authorization"]
    assert sent == ("Bearer bearer-9f" if where == "in a file" else "Basic dXNlcjpwYTU1d29yZA==")
    reader = world.feed.source.connect(uuid4())
    shown = trace + caplog.text + repr(world.calls) + repr(world.feed) + repr(reader)
    assert not [secret for secret in SECRETS if secret in shown]
    assert world.feed.source.origin.endpoint == "https://feeds.example/news.xml"


def test_the_rate_limit_is_per_host_unless_the_entry_names_a_key_and_never_another_providers() -> None:
    def key(**options: object) -> str:
        world = World([], options=options)
        world.feed.source.connect(uuid4())
        return world.paced[0]

    assert key() == "rss:feeds.example"
    assert key(key="default") == "rss:default"


def test_another_secret_or_address_is_another_origin() -> None:
    def origin(**options: object) -> Feed:
        return World([], options=options).feed

    first = origin().source.origin
    assert origin().source.origin == first
    for changed, how in (("s3cret", "the key"), ("pa55word", "the key"), ("feeds.", "the address")):
        other = origin(url=URL.replace(changed, "other.")).source.origin
        assert other != first
        assert other.differs(first).startswith(how)
