"""What the client needs from the service around it."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Endpoint(StrEnum):
    """What is called."""

    ARTICLES = "articles"
    SEARCH = "searchArticles"
    REVOKED = "revokedArticles"
    RATE_LIMITS = "rateLimits"


class CallOutcome(StrEnum):
    """How a call ended."""

    OK = "ok"
    FAILURE = "failure"
    """The provider said so, or its HTTP status did."""
    UNREADABLE = "unreadable"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call to the provider, as it is kept. Never the key, never content.

    Attributes:
        endpoint: what was called.
        started_at: when the request was sent; the wait for the pause is not in it.
        duration_ms: until the answer was read and understood.
        http_status: None when no answer came.
        code: the provider's message code, where it gave one.
        body_bytes: of the answer, decompressed; 0 when it was not read to its end.
        items: entries on the page; None when it was no page.
        cursor: that was sent.
        outcome: how it ended.
        reason: why, when it did not end well: snake_case, from a small set.
    """

    endpoint: Endpoint
    started_at: datetime
    duration_ms: int
    http_status: int | None
    code: int | None
    body_bytes: int
    items: int | None
    cursor: str | None
    outcome: CallOutcome
    reason: str | None


class Pace(Protocol):
    """When the key may be called, which all processes that use it share."""

    async def take(self) -> None:
        """Waits until the key may be called, and takes that turn.

        Raises:
            Resting: the provider has asked for a longer rest than anybody waits for here.
        """
        ...

    async def end(self, retry_after_s: float | None) -> None:
        """The call of that turn has ended; the key is not called for the pause, nor for what the provider asked for."""
        ...


RecordCall = Callable[[ApiCall], Awaitable[object]]
"""Keeps a call; it is awaited before the call's result is given out."""


class CircuitBreaker(Protocol):
    """Stands around each call; ``clawback_common.breaker.Breaker`` with ``fine=codes.LIVING`` is one."""

    def wait_s(self) -> float:
        """Seconds until a call may pass; 0 when one may pass now."""
        ...

    def calling(self) -> AbstractContextManager[None]:
        """Raises a ``Transient`` instead of letting the call pass while it is open."""
        ...
