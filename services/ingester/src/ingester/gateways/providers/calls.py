"""Calls to a provider over HTTP: rate-limited, retried, guarded by a circuit breaker, and recorded.

An address may contain a key, so addresses of calls never appear in logs, errors or records.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar

import httpx

from clawback_common.clock import Clock
from clawback_common.errors import ClawbackError
from clawback_common.retry import Retry, Sleep, retrying
from ingester.gateways.providers.answers import Answered, Unreachable, UnreadableAnswer
from ingester.gateways.providers.http_body import read_body
from ingester.gateways.providers.port import ApiCall, CircuitBreaker, Pace, RecordCall
from ingester.gateways.providers.quiet_httpx import hide_addresses

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of calls.

    Attributes:
        connect_timeout_s: To establish a connection.
        read_timeout_s: Between two chunks of a response.
        call_timeout_s: For the whole call, against responses that arrive very slowly.
        body_bytes_max: Of a response, decompressed; a page of 500 of the largest articles seen has 30 MB.
        retry: The number of attempts includes the first call: four attempts are three retries.
    """

    connect_timeout_s: float = 5.0
    read_timeout_s: float = 30.0
    call_timeout_s: float = 120.0
    body_bytes_max: int = 64 * 2**20
    retry: Retry = field(default_factory=lambda: Retry(attempts=4, first_delay_ms=1000, factor=2.0))


@dataclass(frozen=True, slots=True)
class Request:
    """A request.

    Attributes:
        endpoint: The name in the record of the call.
        url: Never logged.
        params: The query parameters; None: the address has its own.
        headers: Additional headers.
        cursor: The cursor in the record of the call.
        read_error_body: Whether to read the body of an error response, because it has details.
    """

    endpoint: str
    url: str
    params: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cursor: str | None = None
    read_error_body: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """A decompressed response, not validated yet."""

    status: int
    headers: httpx.Headers
    body: bytes
    retry_after_s: float | None

    @property
    def content_type(self) -> str | None:
        """Returns the header; None if it is missing."""
        found: str | None = self.headers.get("content-type")
        return found


@dataclass(slots=True)
class _Exchange:
    """A request and the known parts of its response."""

    request: Request
    started_at: datetime
    http_status: int | None = None
    body_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls with one key.

    Attributes:
        http: Shared connections; the creator closes them.
        pace: Every attempt waits for its turn, so that a retry never falls within the pause.
        breaker: Guards every attempt.
        record_call: Awaited after every attempt.
        clock: For records and Retry-After.
        retryable: Without the breaker's error: while it is open the feed pauses instead of using up its retries.
        limits: The limits of calls.
        sleep: Waits between attempts.
    """

    http: httpx.AsyncClient
    pace: Pace
    breaker: CircuitBreaker
    record_call: RecordCall
    clock: Clock
    retryable: tuple[type[ClawbackError], ...]
    limits: Limits = field(default_factory=Limits)
    sleep: Sleep = asyncio.sleep

    async def get(self, request: Request, read: Callable[[Answer], T], items: Callable[[T], int | None]) -> T:
        """Returns the parsed response; retries according to the policy.

        Args:
            request: The request.
            read: Validates and parses a response; raises a `ClawbackError` for an unusable one.
            items: Returns the number of entries on a page; None if it is not a page.
        """

        async def attempt() -> T:
            if not self.breaker.wait_s():
                await self.pace.take()
            with self.breaker.calling():
                return await self._paced(request, read, items)

        return await retrying(self.limits.retry, attempt, on=self.retryable, sleep=self.sleep)

    async def _paced(
        self, request: Request, read: Callable[[Answer], T], items: Callable[[T], int | None]
    ) -> T:
        """Executes one exchange in its turn: the pause of the key counts from its end."""
        retry_after_s = None
        try:
            return await self._recorded(request, read, items)
        except Answered as error:
            retry_after_s = error.retry_after_s
            raise
        finally:
            await self.pace.end(retry_after_s)

    async def _recorded(
        self, request: Request, read: Callable[[Answer], T], items: Callable[[T], int | None]
    ) -> T:
        """Executes one exchange and records it, also if it fails."""
        exchange = _Exchange(request, self.clock.now())
        try:
            value = read(await self._exchange(exchange))
        except ClawbackError as error:
            await self._record(exchange, None, error)
            raise
        await self._record(exchange, items(value), None)
        return value

    async def _exchange(self, exchange: _Exchange) -> Answer:
        """Sends and receives. Errors of httpx contain the address, so none is passed on."""
        trouble = "time-out"
        try:
            async with asyncio.timeout(self.limits.call_timeout_s):
                return await self._send(exchange)
        except TimeoutError:
            pass
        except httpx.HTTPError as error:
            trouble = type(error).__name__
        raise Unreachable(f"{exchange.request.endpoint}: {trouble}")

    async def _send(self, exchange: _Exchange) -> Answer:
        hide_addresses()
        asked, limits = exchange.request, self.limits
        stream = self.http.stream(
            "GET",
            asked.url,
            params=asked.params,
            headers={"Accept-Encoding": "gzip", **asked.headers},
            timeout=httpx.Timeout(limits.read_timeout_s, connect=limits.connect_timeout_s),
            follow_redirects=False,
        )
        async with stream as response:
            status = exchange.http_status = response.status_code
            reads_body = asked.read_error_body or status == HTTPStatus.OK
            body = await read_body(response, limits.body_bytes_max) if reads_body else b""
        exchange.body_bytes = len(body)
        return Answer(status, response.headers, body, retry_after_s(response.headers, self.clock.now()))

    async def _record(self, exchange: _Exchange, items: int | None, error: ClawbackError | None) -> None:
        took = self.clock.now() - exchange.started_at
        await self.record_call(
            ApiCall(
                endpoint=exchange.request.endpoint,
                started_at=exchange.started_at,
                duration_ms=max(0, round(took.total_seconds() * 1000)),
                http_status=exchange.http_status,
                code=error.code if isinstance(error, Answered) else None,
                body_bytes=exchange.body_bytes,
                items=items,
                cursor=exchange.request.cursor,
                outcome=_outcome(error),
            )
        )


def retry_after_s(headers: httpx.Headers, now: datetime) -> float | None:
    """Returns Retry-After, given in seconds or as a date, in seconds."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _outcome(error: ClawbackError | None) -> str:
    match error:
        case None:
            return "ok"
        case Answered():
            return error.outcome
        case UnreadableAnswer():
            return error.reason
        case _:
            return "unreachable"
