"""The middleware that limits the rate of requests, before anything else is done for them."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clawback_common.clock import Clock
from clawback_common.http.auth import caller_of
from clawback_common.http.middleware import QUIET_PATHS
from clawback_common.http.problem import Problem
from clawback_common.http.problems import respond
from clawback_common.http.rate_limits.budgets import Budgets
from clawback_common.http.rate_limits.clients import Networks, client_address
from clawback_common.http.rate_limits.limiter import SECOND_US, Decision, RateLimiter
from clawback_common.telemetry.metrics import counter

_REFUSED = counter("rate_limit_refusals_total", "Requests answered with 429", ("budget",))


class RateLimits:
    """The limits of an API.

    Args:
        budgets: its budgets.
        limiter: the buckets.
        trusted: proxies whose ``X-Forwarded-For`` is believed.
    """

    def __init__(self, budgets: Budgets, limiter: RateLimiter, trusted: Networks) -> None:
        self._budgets, self._limiter, self._trusted = budgets, limiter, trusted

    async def decide(self, scope: Scope) -> Decision:
        """Decide on a request."""
        address = client_address(scope, self._trusted)
        return await self._limiter.take(
            self._budgets.buckets(scope["method"], scope["path"], _subject(scope), address)
        )


def _subject(scope: Scope) -> str | None:
    """Return the subject of the request's key. An invalid key is no key: it is limited by address, then refused."""
    try:
        caller = caller_of(Request(scope))
    except Problem:
        return None
    return None if caller is None else caller.subject


class RateLimit:
    """Answers 429 to a client that has used up its limit. Probes and metrics are always answered."""

    def __init__(self, app: ASGIApp, clock: Clock, limits: RateLimits) -> None:
        self._app, self._clock, self._limits = app, clock, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] != "http" or scope["path"] in QUIET_PATHS:
            await self._app(scope, receive, send)
            return
        decision = await self._limits.decide(scope)
        if decision.admitted:
            await self._app(scope, receive, _with_headers(send, decision.headers))
            return
        _REFUSED.labels(decision.bucket.name).inc()
        response = respond(_refusal(decision), instance=scope["path"], clock=self._clock)
        await response(scope, receive, send)


def _refusal(decision: Decision) -> Problem:
    bucket = decision.bucket
    return Problem(
        429,
        f"The limit of {bucket.limit.quota} requests per minute ({bucket.name}) is reached: wait before the next one.",
        retry_after_s=decision.next_us / SECOND_US,
        headers=decision.headers,
    )


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    """Return a `send` that adds headers to the response."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return sending
