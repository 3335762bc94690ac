"""Retries of temporary failures, a bounded number of times, in one layer only.

Nested retries multiply. So only the direct caller of an unreliable dependency retries, and nobody above it.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from clawback_common.errors import Transient

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[object]]

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retry:
    """A retry policy: number of attempts, and delays from `first_delay_ms`, times `factor`, up to `delay_ms_max`.

    `jitter` is the fraction by which a delay may grow at random, so that many clients do not retry at once.
    `retry_after_max_s` is the longest wait that a peer may request by `Transient.retry_after_s`. Beyond it, the error
    is raised to the caller, who can pause.
    """

    attempts: int = 3
    first_delay_ms: float = 1000
    factor: float = 2.0
    delay_ms_max: float = 60_000
    jitter: float = 0.1
    retry_after_max_s: float = 60.0

    def __post_init__(self) -> None:
        """Reject a policy without attempts, or with shrinking or negative delays."""
        if self.attempts < 1 or self.first_delay_ms < 0 or self.factor < 1 or self.jitter < 0:
            raise ValueError(
                "a retry policy needs at least one attempt, a factor of at least 1, no negative delay or jitter"
            )

    def delay_s(self, failures: int, chance: float = 0.0) -> float:
        """Return the delay in seconds after this many failures (from 1); `chance` in [0, 1) selects the jitter."""
        # The exponent is bounded: a loop that fails for days would overflow.
        grown = self.first_delay_ms * self.factor ** min(failures - 1, 64)
        return min(grown, self.delay_ms_max) * (1 + self.jitter * chance) / 1000


async def retrying(
    policy: Retry,
    call: Callable[[], Awaitable[T]],
    *,
    on: tuple[type[Exception], ...] = (Transient,),
    on_retry: Callable[[Exception], object] | None = None,
    sleep: Sleep = asyncio.sleep,
) -> T:
    """Return the result of the first attempt that does not fail with one of `on`.

    Args:
        policy: number of attempts and delays.
        call: makes a new attempt each time.
        on: errors that are retried; any other is raised at once.
        on_retry: called with the error of each failed attempt that is repeated, to count retries.
        sleep: waits for this many seconds.

    Raises:
        Exception: the error of the last attempt.
    """
    failures = 0
    while True:
        try:
            return await call()
        except on as error:
            failures += 1
            delay_s = _wait_s(policy, error, failures)
            if delay_s is None:
                raise
            _log.info("retrying", attempt=failures, delay_s=round(delay_s, 3), error=error)
            if on_retry is not None:
                on_retry(error)
        await sleep(delay_s)


def _wait_s(policy: Retry, error: Exception, failures: int) -> float | None:
    """Return the seconds until the next attempt; None when there is none."""
    asked_s = error.retry_after_s if isinstance(error, Transient) else None
    if failures >= policy.attempts or (asked_s or 0) > policy.retry_after_max_s:
        return None
    return max(policy.delay_s(failures, random.random()), asked_s or 0)  # noqa: S311 - spreads load, guards nothing
