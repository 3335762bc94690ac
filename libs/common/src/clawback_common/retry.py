"""Try again what may pass, a bounded number of times, in one layer only.

Retries multiply when layers nest them, so the caller next to the flaky thing retries and nobody
above it does.
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
    """How often, and how long between: `first_delay_ms`, then times `factor`, at most `delay_ms_max`.

    `jitter` is the share by which a delay may grow at random, so that many do not return at once.
    `patience_s` is the longest wait that the other side may ask for by `Transient.retry_after_s`:
    beyond it the error goes to the caller, who knows what to pause.
    """

    attempts: int = 3
    first_delay_ms: float = 1000
    factor: float = 2.0
    delay_ms_max: float = 60_000
    jitter: float = 0.1
    patience_s: float = 60.0

    def __post_init__(self) -> None:
        """Refuse a policy that would never call, or wait less each time."""
        if self.attempts < 1 or self.first_delay_ms < 0 or self.factor < 1 or self.jitter < 0:
            raise ValueError("a retry needs an attempt, no negative delay or jitter, and a factor from 1")

    def delay_s(self, failures: int, chance: float = 0.0) -> float:
        """Seconds to wait after so many failures (from 1); `chance` in [0, 1) picks the jitter."""
        # The power is bounded, for a loop that fails for days would overflow it.
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
    """The call's result, from the first attempt that does not fail with one of `on`.

    Args:
        policy: how often and how long between.
        call: makes a fresh attempt each time.
        on: what is worth another attempt; anything else is raised at once.
        on_retry: told the error of each attempt that another one follows, to count retries.
        sleep: awaits so many seconds.

    Raises:
        Exception: the last attempt's error.
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
            _log.info("trying again", attempt=failures, delay_s=round(delay_s, 3), error=error)
            if on_retry is not None:
                on_retry(error)
        await sleep(delay_s)


def _wait_s(policy: Retry, error: Exception, failures: int) -> float | None:
    """Seconds until the next attempt, None when there is none."""
    asked_s = error.retry_after_s if isinstance(error, Transient) else None
    if failures >= policy.attempts or (asked_s or 0) > policy.patience_s:
        return None
    return max(policy.delay_s(failures, random.random()), asked_s or 0)  # noqa: S311 - spreads load, guards nothing
