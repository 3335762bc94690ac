"""Liveness and readiness of a process, answered from the last results without waiting.

A probe that queried a hanging database would take the process down with it. So the checks run in the background, and
a probe returns their last results.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import structlog

from clawback_common.telemetry.describe import describe
from clawback_common.telemetry.metrics import gauge

if TYPE_CHECKING:
    from clawback_common.service.process import ShutdownEvent

Check = Callable[[], Awaitable[str | None]]
"""Returns when the check passes, with a detail if there is one; raises when it fails."""

_READY = gauge("readiness_check_state", "1 when the check last passed", ("check",))
_NOT_YET: Final = "not checked yet"
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """The last result of a check."""

    ok: bool
    detail: str | None = None
    required: bool = True


class Probes:
    """The readiness checks of a process by name, and whether the process is draining.

    `add` the checks, then keep `watch` running; `check` runs them once, at start-up.
    """

    def __init__(self, *, timeout_s: float = 2.0) -> None:
        self.draining = False
        self._timeout_s = timeout_s
        self._checks: dict[str, Check] = {}
        self._results: dict[str, Result] = {}

    def add(self, name: str, check: Check, *, required: bool = True) -> None:
        """Add a check, or replace the one with the same name. The process is not ready until it has passed.

        A failing check that is not `required` makes the process degraded, but leaves it ready.
        """
        self._checks[name] = check
        self._results[name] = Result(ok=False, detail=_NOT_YET, required=required)

    @property
    def ready(self) -> bool:
        """Return True when every required check passed last time and no shutdown was requested."""
        return not self.draining and all(r.ok for r in self._results.values() if r.required)

    @property
    def status(self) -> Literal["healthy", "degraded", "unhealthy"]:
        """Return healthy when every check passed, degraded when ready otherwise, else unhealthy."""
        if not self.ready:
            return "unhealthy"
        return "healthy" if all(r.ok for r in self._results.values()) else "degraded"

    @property
    def results(self) -> dict[str, Result]:
        """Return the last result of each check."""
        return dict(self._results)

    def answer(self) -> dict[str, object]:
        """Return the body of ``/readyz``: ``{ready, checks: {name: {ok, detail}}}``."""
        checks = {name: {"ok": r.ok, "detail": r.detail} for name, r in self._results.items()}
        if self.draining:
            checks["draining"] = {"ok": False, "detail": "shutting down"}
        return {"ready": self.ready, "checks": checks}

    async def check(self) -> bool:
        """Run every check once, concurrently; return True when all passed."""
        await asyncio.gather(*(self._ask(name, check) for name, check in list(self._checks.items())))
        return self.ready

    async def watch(self, stopping: "ShutdownEvent", *, every_s: float = 2.0) -> None:
        """Repeat the checks until shutdown."""
        while not stopping.is_set():
            await self.check()
            await stopping.sleep(every_s if self.ready else min(every_s, 0.25))

    async def _ask(self, name: str, check: Check) -> None:
        before = self._results[name]
        try:
            async with asyncio.timeout(self._timeout_s):
                result = replace(before, ok=True, detail=await check())
        except Exception as error:  # noqa: BLE001 - any error means that the check failed
            result = replace(before, ok=False, detail=describe(error))
        if before.ok != result.ok and before.detail != _NOT_YET:
            _log.warning("readiness changed", check=name, ok=result.ok, detail=result.detail)
        self._results[name] = result
        _READY.labels(check=name).set(result.ok)
