"""The client with a fake transport of the provider: rate limit, retries, records, and a secret key."""

import asyncio
import gzip
import logging
import traceback
import tracemalloc
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import httpx
import pytest

from clawback_common.breaker import Breaker, BreakerOpen
from clawback_common.errors import ClawbackError
from clawback_testing.clock import FakeClock
from ingester.gateways.providers.answers import Unreachable, Unreadable, UnreadableAnswer
from ingester.gateways.providers.http_body import Body
from ingester.gateways.providers.metabase.client import ClientOptions, Endpoint, MetabaseClient, RevokedCursor
from ingester.gateways.providers.metabase.codes import NOT_OUTAGES, MustWait, ProviderDown, Refused
from ingester.gateways.providers.metabase.values import Slice
from ingester.gateways.providers.port import ApiCall

KEY = "k-3f9-secret"
JSON = {"content-type": "application/json"}
EMPTY = httpx.Response(200, json={"status": "SUCCESS", "articles": []})

Reply = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def articles(*sequences: int) -> httpx.Response:
    entries = [{"sequenceId": str(number), "id": str(number), "title": "Words"} for number in sequences]
    return httpx.Response(200, json={"status": "SUCCESS", "articles": entries})


def refusal(code: int, status: int = 200, **headers: str) -> httpx.Response:
    body = {"status": "FAILURE", "messageCode": str(code), "developerMessage": f"key {KEY}"}
    return httpx.Response(status, json=body, headers=headers)


@dataclass
class World:
    """The environment of a client, with a record of events."""

    responses: list[Reply]
    failures_max: int = 50
    options: ClientOptions = field(default_factory=ClientOptions)
    requests: list[httpx.Request] = field(default_factory=list)
    calls: list[ApiCall] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)
    revoked_cursor: RevokedCursor = field(default_factory=RevokedCursor)

    def __post_init__(self) -> None:
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self.respond))
        self.breaker = Breaker("provider", self.clock, failures=self.failures_max, not_failures=NOT_OUTAGES)
        self.client = MetabaseClient(
            "http://provider.example/",
            KEY,
            self.http,
            pace=self,
            breaker=self.breaker,
            record_call=self.record,
            clock=self.clock,
            sleep=self.sleep,
            options=self.options,
            revoked_cursor=self.revoked_cursor,
        )

    def respond(self, request: httpx.Request) -> httpx.Response:
        """Returns the next response."""
        self.requests.append(request)
        self.story.append("call")
        response = self.responses.pop(0) if self.responses else EMPTY
        if isinstance(response, Exception):
            raise response
        if callable(response):
            return response(request)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=httpx.ByteStream(response.content)
        )

    async def take(self) -> None:
        """Does not wait."""
        self.story.append("turn")

    async def end(self, retry_after_s: float | None) -> None:
        """Records the requested pause."""
        self.story.append("end" if retry_after_s is None else f"rest {retry_after_s:.0f}")

    async def sleep(self, seconds: float) -> None:
        """Records the time without waiting."""
        self.story.append(f"sleep {int(seconds)}")

    async def record(self, call: ApiCall) -> None:
        """Appends the call to a list."""
        self.calls.append(call)

    @property
    def params(self) -> list[dict[str, str]]:
        """Returns the parameters of every request."""
        return [dict(request.url.params) for request in self.requests]


async def test_a_page_is_requested_after_the_cursor() -> None:
    world = World([articles(11, 15)])
    page = await world.client.articles("10", 500)
    assert page.last_sequence == "15"
    assert world.params == [{"key": KEY, "sequence_id": "10", "limit": "500", "format": "xml"}]
    assert world.requests[0].url.path == "/api/v10/articles"
    assert world.requests[0].headers["accept-encoding"] == "gzip"


async def test_a_slice_is_sent_with_the_number_of_slices() -> None:
    world = World([EMPTY])
    await world.client.articles("10", 5, Slice(number=0, of=3))
    assert world.params[0].items() >= {"number_of_slices": "3", "slice_number": "0"}.items()


@pytest.mark.parametrize("cursor", ["", "newest", "-1", str(2**63)])
async def test_a_lost_cursor_is_refused_before_anything_is_sent(cursor: str) -> None:
    world = World([])
    with pytest.raises(ValueError, match="cursor"):
        await world.client.articles(cursor)
    assert world.requests == []


@pytest.mark.parametrize("limit", [0, 501])
async def test_a_limit_out_of_range_is_refused_before_anything_is_sent(limit: int) -> None:
    world = World([])
    with pytest.raises(ValueError, match="limit"):
        await world.client.articles("1", limit)
    with pytest.raises(ValueError, match="limit"):
        await world.client.revoked("1", limit * 100)
    assert world.requests == []


async def test_three_retries_double_their_delay_and_each_waits_for_its_turn() -> None:
    world = World([httpx.Response(503)] * 4)
    with pytest.raises(ProviderDown):
        await world.client.articles("1")
    turn = ["turn", "call", "end"]
    assert world.story == [*turn, "sleep 1", *turn, "sleep 2", *turn, "sleep 4", *turn]


@pytest.mark.parametrize(
    "passing",
    [
        httpx.Response(500),
        refusal(9002),
        refusal(9999, 400),
        httpx.ConnectError("no"),
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("cut"),
        httpx.Response(200, content=b""),
        httpx.Response(200, html="<html>Sorry</html>"),
        httpx.Response(200, content=b'{"status":"SUCC', headers=JSON),
        httpx.Response(302, headers={"location": "http://elsewhere.example/?key=x"}),
        refusal(1004),
        httpx.Response(429),
    ],
)
async def test_a_temporary_failure_is_retried(passing: Reply) -> None:
    world = World([passing, articles(5)])
    assert (await world.client.articles("1")).last_sequence == "5"
    assert [call.outcome == "ok" for call in world.calls] == [False, True]


@pytest.mark.parametrize("code", [1000, 1003, 1005, 1007, 1008, 1013, 1022])
@pytest.mark.parametrize("status", [200, 400, 403])
async def test_a_refusal_is_not_retried(code: int, status: int) -> None:
    world = World([refusal(code, status)])
    with pytest.raises(Refused) as caught:
        await world.client.articles("1")
    assert (caught.value.code, caught.value.http_status, len(world.requests)) == (code, status, 1)
    assert (world.calls[0].code, world.calls[0].outcome) == (code, caught.value.action)


@pytest.mark.parametrize("retry_after", ["30", "Sun, 01 Mar 2026 12:00:30 GMT"])
async def test_the_client_waits_for_retry_after(retry_after: str) -> None:
    world = World([httpx.Response(429, headers={"retry-after": retry_after}), EMPTY])
    await world.client.articles("1")
    assert world.story == ["turn", "call", "rest 30", "sleep 30", "turn", "call", "end"]


async def test_a_long_retry_after_is_left_to_the_caller() -> None:
    world = World([httpx.Response(429, headers={"retry-after": "3600"})])
    with pytest.raises(MustWait) as caught:
        await world.client.articles("1")
    assert (caught.value.retry_after_s, len(world.requests)) == (3600, 1)
    assert world.story == ["turn", "call", "rest 3600"]


async def test_retry_after_is_read_also_with_a_failure_of_status_200() -> None:
    world = World([refusal(1004, 200, **{"retry-after": "90"})])
    with pytest.raises(MustWait):
        await world.client.articles("1")
    assert world.story == ["turn", "call", "rest 90"]


@pytest.mark.parametrize("retry_after", ["soon", "-5", "1e9", "99999999999999999999"])
async def test_an_invalid_retry_after_is_ignored(retry_after: str) -> None:
    world = World([httpx.Response(429, headers={"retry-after": retry_after}), EMPTY])
    await world.client.articles("1")
    assert "sleep 1" in world.story


async def test_with_an_open_circuit_nothing_is_called_paced_or_waited_for() -> None:
    world = World([httpx.Response(500)] * 9, failures_max=2)
    with pytest.raises(BreakerOpen):
        await world.client.articles("1")
    story = list(world.story)
    with pytest.raises(BreakerOpen):
        await world.client.articles("1")
    assert (len(world.requests), world.story) == (2, story)


async def test_a_provider_that_refuses_the_key_counts_as_available() -> None:
    world = World([refusal(1000)] * 3, failures_max=1)
    for _ in range(3):
        with pytest.raises(Refused):
            await world.client.articles("1")


@pytest.mark.parametrize("body", [articles(10), articles(4, 7)])
async def test_a_cursor_that_moves_back_is_an_error_and_no_endless_loop(body: httpx.Response) -> None:
    world = World([body] * 4)
    with pytest.raises(UnreadableAnswer) as caught:
        await world.client.articles("10")
    assert caught.value.reason is Unreadable.CURSOR_STUCK


async def test_a_full_page_of_revocations_without_a_next_cursor_is_an_error() -> None:
    page = httpx.Response(200, json={"status": "SUCCESS", "revokedArticles": [{"id": "1"}, {"id": "2"}]})
    with pytest.raises(UnreadableAnswer):
        await World([page] * 4).client.revoked("0", 2)
    assert len((await World([page]).client.revoked("0", 3)).ids) == 2


@pytest.mark.parametrize("code", [1022, 1008])
async def test_the_revoked_cursor_uses_its_other_name_when_one_is_refused(code: int) -> None:
    quiet = httpx.Response(200, json={"status": "SUCCESS", "revokedArticles": []})
    world = World([refusal(code), quiet, quiet])
    await world.client.revoked("11111111")
    await world.client.revoked("11111111")
    names = [set(params) & {"sequence_id", "sequenceId"} for params in world.params]
    assert names == [{"sequence_id"}, {"sequenceId"}, {"sequenceId"}]
    assert world.client.revoked_cursor_name == world.revoked_cursor.name == "sequenceId"
    assert world.calls[1].cursor == "11111111"


async def test_a_cursor_refused_under_both_names_raises_the_first_refusal() -> None:
    world = World([refusal(1008), refusal(1022)])
    with pytest.raises(Refused) as caught:
        await world.client.revoked("5")
    assert (caught.value.code, world.client.revoked_cursor_name) == (1008, "sequence_id")


async def test_every_attempt_is_recorded_with_its_size_and_number_of_items() -> None:
    body = articles(5, 6)
    world = World([httpx.Response(503), body])
    await world.client.articles("1")
    failed, fine = world.calls
    assert (failed.http_status, failed.items, failed.outcome) == (503, None, "transient")
    assert (fine.endpoint, fine.http_status, fine.items, fine.cursor) == (Endpoint.ARTICLES, 200, 2, "1")
    assert fine.body_bytes == len(body.content)


async def test_a_gzip_bomb_is_refused_at_the_limit() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    read = 0

    async def drip() -> AsyncIterator[bytes]:
        nonlocal read
        for at in range(0, len(bomb), 1000):
            read += 1000
            yield bomb[at : at + 1000]

    def response(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-encoding": "gzip"}, content=drip())

    world = World([response], options=ClientOptions(body_bytes_max=2_000_000))
    world.responses += [response] * 3
    with pytest.raises(UnreadableAnswer) as caught:
        await world.client.articles("1")
    assert caught.value.reason is Unreadable.TOO_LARGE
    assert read < 4 * 10_000


def test_a_bomb_in_one_chunk_is_never_decompressed_in_memory() -> None:
    bomb = gzip.compress(b"\0" * 30_000_000)
    body = Body("gzip", 1000)
    tracemalloc.start()
    with pytest.raises(UnreadableAnswer):
        body.feed(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


async def test_a_redirect_is_neither_followed_nor_read() -> None:
    redirect = httpx.Response(302, headers={"location": "/elsewhere"}, content=EMPTY.content)
    world = World([redirect] * 4)
    with pytest.raises(UnreadableAnswer) as caught:
        await world.client.articles("1")
    assert caught.value.reason is Unreadable.REDIRECT
    assert {request.url.path for request in world.requests} == {"/api/v10/articles"}


@pytest.mark.parametrize(
    ("content", "encoding", "reason"),
    [
        (b"not packed", "gzip", Unreadable.CONTENT_ENCODING),
        (gzip.compress(EMPTY.content)[:-9], "gzip", Unreadable.TRUNCATED),
        (EMPTY.content, "br", Unreadable.CONTENT_ENCODING),
        (b"x" * 5000, "", Unreadable.TOO_LARGE),
    ],
)
async def test_a_body_that_cannot_be_decompressed_is_unreadable(
    content: bytes, encoding: str, reason: Unreadable
) -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield content

    def response(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-encoding": encoding, **JSON}, content=stream())

    world = World([response] * 4, options=ClientOptions(body_bytes_max=4000))
    with pytest.raises(UnreadableAnswer) as caught:
        await world.client.articles("1")
    assert caught.value.reason is reason


@pytest.mark.parametrize("packed", [gzip.compress(b'{"status":') + gzip.compress(b'"SUCCESS"}')])
async def test_gzip_in_several_members_is_one_body(packed: bytes) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for at in range(len(packed)):
            yield packed[at : at + 1]

    def response(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-encoding": "gzip", **JSON}, content=stream())

    assert (await World([response]).client.articles("1")).count == 0


async def test_an_endlessly_slow_response_is_aborted() -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.005)
            yield b" "

    world = World(
        [lambda _: httpx.Response(200, content=drip())] * 4, options=ClientOptions(call_timeout_s=0.03)
    )
    async with asyncio.timeout(3):
        with pytest.raises(Unreachable, match="time-out"):
            await world.client.articles("1")


@pytest.mark.parametrize(
    "response",
    [
        EMPTY,
        refusal(1000),
        httpx.ConnectError(f"http://provider.example/?key={KEY}"),
        httpx.Response(200, text=f"<html>{KEY}</html>"),
        httpx.Response(302, headers={"location": f"/?key={KEY}"}),
    ],
)
async def test_the_key_is_in_no_log_no_error_and_no_record(
    response: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    world = World([response] * 4)
    trace = ""
    with caplog.at_level(logging.DEBUG):
        try:
            await world.client.articles("1")
        except ClawbackError as error:
            trace = "".join(traceback.format_exception(error))
    everything = trace + caplog.text + repr(world.calls) + repr(world.client)
    assert KEY not in everything
    assert ("provider.example" in caplog.text) == (not isinstance(response, Exception))


async def test_a_call_that_cannot_be_recorded_fails() -> None:
    world = World([EMPTY])

    async def broken(_: ApiCall) -> None:
        raise RuntimeError("no database")

    world.client._calls = replace(world.client._calls, record_call=broken)
    with pytest.raises(RuntimeError):
        await world.client.articles("1")


async def test_search_sends_its_options_and_returns_the_total() -> None:
    world = World([httpx.Response(200, json={"status": "SUCCESS", "totalResults": "812", "articles": []})])
    page = await world.client.search('title:"a b" AND c', sort="asc", recent=True)
    assert page.total_results == 812
    assert world.params[0].items() >= {"query": 'title:"a b" AND c', "sort": "asc", "recent": "true"}.items()
    assert "sequence_id" not in world.params[0]


async def test_the_rate_limits_of_a_key_are_requested() -> None:
    world = World(
        [httpx.Response(200, json={"status": "SUCCESS", "rateLimits": [{"unit": "DAY", "limit": "9"}]})]
    )
    assert [limit.limit for limit in await world.client.rate_limits()] == [9]
    assert world.requests[0].url.path == "/api/v10/rateLimits"


@pytest.mark.parametrize("address", ["", "provider.example", "/api"])
def test_an_address_without_a_host_is_refused_at_once(address: str) -> None:
    world = World([])
    with pytest.raises(ValueError, match="host"):
        MetabaseClient(
            address,
            KEY,
            world.http,
            pace=world,
            breaker=world.breaker,
            record_call=world.record,
            clock=world.clock,
        )
