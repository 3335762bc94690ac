"""A circuit breaker: stops calling a peer that keeps failing, and probes it later."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import structlog

from clawback_common.clock import Clock
from clawback_common.errors import Poison, Transient
from clawback_common.telemetry.metrics import gauge

CLOSED: Final = 0
HALF_OPEN: Final = 1
OPEN: Final = 2

_STATE = gauge("circuit_breaker_state", "0 closed, 1 half open (probing), 2 open", ("breaker",))
_log = structlog.stdlib.get_logger(__name__)


class BreakerOpen(Transient):
    """The circuit is open after failures: no call is made until `retry_after_s` has passed."""


class Breaker:
    """Closed until `failures` calls in a row failed, then open for `open_s` seconds, then half open for one probe.

    A successful probe closes the circuit, a failed one opens it again. Errors in `not_failures` are answers of a
    working peer and count as success. A cancelled call counts as neither.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        *,
        failures: int = 5,
        open_s: float = 60.0,
        not_failures: tuple[type[Exception], ...] = (Poison,),
    ) -> None:
        self._name, self._clock, self._not_failures = name, clock, not_failures
        self._failures_max, self._open_s = failures, open_s
        self._failures = 0
        self._opened_at: datetime | None = None
        self._probing = False
        self._update_metric()

    @property
    def state(self) -> int:
        """Return `CLOSED`, `HALF_OPEN` or `OPEN`; it stays open until a probe is running."""
        if self._opened_at is None:
            return CLOSED
        return HALF_OPEN if self._probing else OPEN

    def wait_s(self) -> float:
        """Return the seconds until a call is allowed; 0 when one is allowed now."""
        if self._opened_at is None:
            return 0.0
        over_s = (self._clock.now() - self._opened_at).total_seconds()
        return max(self._open_s - over_s, 0.0)

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Guard one call.

        Raises:
            BreakerOpen: the circuit is open; the call was not made.
        """
        probe = self._admit()
        try:
            yield
        except self._not_failures:
            self._succeeded()
            raise
        except Exception:
            self._failed()
            raise
        else:
            self._succeeded()
        finally:
            self._probing = self._probing and not probe
            self._update_metric()

    def _admit(self) -> bool:
        """Return True when the call is the probe."""
        if self._opened_at is None:
            return False
        wait_s = self.wait_s()
        if wait_s > 0 or self._probing:
            raise BreakerOpen(f"{self._name} is not called: its circuit is open", retry_after_s=wait_s or 1.0)
        self._probing = True
        self._update_metric()
        return True

    def _succeeded(self) -> None:
        if self._opened_at is not None:
            _log.info("circuit closed", breaker=self._name)
        self._failures, self._opened_at = 0, None

    def _failed(self) -> None:
        self._failures += 1
        if self._opened_at is not None or self._failures >= self._failures_max:
            _log.warning("circuit open", breaker=self._name, failures=self._failures, open_s=self._open_s)
            self._opened_at = self._clock.now()

    def _update_metric(self) -> None:
        _STATE.labels(breaker=self._name).set(self.state)
