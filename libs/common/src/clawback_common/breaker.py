"""A circuit breaker: stop calling what keeps failing, and ask now and then whether it is back."""

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

_STATE = gauge("circuit_breaker_state", "0 closed, 1 half open (a probe is out), 2 open", ("breaker",))
_log = structlog.stdlib.get_logger(__name__)


class BreakerOpen(Transient):
    """The other side failed too often; it is left alone until `retry_after_s` is over."""


class Breaker:
    """Closed until `failures` calls in a row failed, then open for `open_s` seconds, then one probe.

    The probe's success closes it, its failure opens it again. Errors in `fine` are answers of a
    living other side and count as success; a cancelled call counts as nothing.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        *,
        failures: int = 5,
        open_s: float = 60.0,
        fine: tuple[type[Exception], ...] = (Poison,),
    ) -> None:
        self._name, self._clock, self._fine = name, clock, fine
        self._failures_max, self._open_s = failures, open_s
        self._failures = 0
        self._opened_at: datetime | None = None
        self._probing = False
        self._tell()

    @property
    def state(self) -> int:
        """`CLOSED`, `HALF_OPEN` or `OPEN`; open until a probe is under way."""
        if self._opened_at is None:
            return CLOSED
        return HALF_OPEN if self._probing else OPEN

    def wait_s(self) -> float:
        """Seconds until a call may pass; 0 when one may pass now."""
        if self._opened_at is None:
            return 0.0
        over_s = (self._clock.now() - self._opened_at).total_seconds()
        return max(self._open_s - over_s, 0.0)

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Around one call.

        Raises:
            BreakerOpen: the call was not made.
        """
        probe = self._admit()
        try:
            yield
        except self._fine:
            self._succeeded()
            raise
        except Exception:
            self._failed()
            raise
        else:
            self._succeeded()
        finally:
            self._probing = self._probing and not probe
            self._tell()

    def _admit(self) -> bool:
        """True when the call is the probe."""
        if self._opened_at is None:
            return False
        wait_s = self.wait_s()
        if wait_s > 0 or self._probing:
            raise BreakerOpen(f"{self._name} is left alone after failures", retry_after_s=wait_s or 1.0)
        self._probing = True
        self._tell()
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

    def _tell(self) -> None:
        _STATE.labels(breaker=self._name).set(self.state)
