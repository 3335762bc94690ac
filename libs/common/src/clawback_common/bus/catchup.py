"""For a process that serves and does not listen: has its service dealt with what was on a topic when it started?

A database that was restored knows again what it had been told to forget, so nothing is served from it before.
"""

from clawback_common.bus import offsets
from clawback_common.bus.gaps import log_ends
from clawback_common.db import Database
from clawback_common.errors import Transient
from clawback_common.settings import CommonSettings


class CatchUp:
    """Says no until the service's own offsets have passed where the topic ended at the first question."""

    def __init__(self, settings: CommonSettings, db: Database, service: str, topic: str) -> None:
        self._settings = settings
        self._db = db
        self._service = service
        self._topic = topic
        self._goals: dict[int, int] | None = None
        self._done = False

    async def check(self) -> str | None:
        """A readiness check.

        Raises:
            Transient: not caught up, or it cannot be known yet.
        """
        if self._done:
            return None
        if self._goals is None:
            ends = await log_ends(self._settings, self._topic)
            self._goals = {number: end for number, (first, end) in ends.items() if first < end}
        ours = await offsets.stored(self._db, self._service)
        behind = [n for n, goal in self._goals.items() if ours.get((self._topic, n), 0) < goal]
        if behind:
            raise Transient(
                f"{self._topic}: what was there at the start is not dealt with yet", retry_after_s=1
            )
        self._done = True
        return None
