"""Has the service, in all its processes, dealt with what was on a topic when this process started?

A database that was restored knows again what it had been told to forget, so nothing is served from it before.
"""

from collections.abc import Mapping

from clawback_common.config.settings import CommonSettings
from clawback_common.errors import Transient
from clawback_common.kafka import offsets
from clawback_common.kafka.gaps import log_ends
from clawback_common.postgres import Database


class CatchUp:
    """Says no until the service's own offsets have passed where the topic ended at the first question."""

    def __init__(
        self, settings: CommonSettings, db: Database, service: str, topic: str, *, refilled: bool = False
    ) -> None:
        """``refilled``: a worker of the service reads from its writer what a lost log had; that is waited for."""
        self._settings = settings
        self._db = db
        self._service = service
        self._topic = topic
        self._refilled = refilled
        self._goals: dict[int, int] | None = None
        self._done = False

    async def check(self) -> str | None:
        """A readiness check.

        Raises:
            Transient: not caught up, or it cannot be known yet.
        """
        if self._done:
            return None
        goals = await self.begin()
        stored = await offsets.stored(self._db, self._service)
        if self._refilled:
            await self._require_this_log(stored)
        ours = {number: stored.get((self._topic, number), 0) for number in goals}
        if any(ours[number] > goal for number, goal in goals.items()):
            ours = await self._in_this_log(ours)
        if any(ours[number] < goal for number, goal in goals.items()):
            raise Transient(
                f"{self._topic}: what was there at the start is not dealt with yet", retry_after_s=1
            )
        self._done = True
        return None

    async def begin(self) -> dict[int, int]:
        """Notes where the topic ends, the first time; gives the end of each partition that has records.

        Raises:
            Transient: the broker does not answer.
        """
        if self._goals is None:
            ends = await log_ends(self._settings, self._topic)
            self._goals = {number: end for number, (first, end) in ends.items() if first < end}
        return self._goals

    def was_there(self, partition: int, offset: int) -> bool:
        """Whether a record lay on the topic when it was noted where it ends."""
        return self._goals is not None and offset < self._goals.get(partition, 0)

    async def _require_this_log(self, stored: Mapping[tuple[str, int], int]) -> None:
        """An offset beyond the end is of a log that was deleted: what it had is not read from its writer yet."""
        ends = await log_ends(self._settings, self._topic)
        if any(stored.get((self._topic, number), 0) > end for number, (_, end) in ends.items()):
            raise Transient(f"{self._topic}: what a lost log had is not read yet", retry_after_s=1)

    async def _in_this_log(self, ours: dict[int, int]) -> dict[int, int]:
        """An offset beyond the end is of a log that was deleted: of this one nothing was dealt with."""
        ends = await log_ends(self._settings, self._topic)
        return {n: offset if offset <= ends.get(n, (0, 0))[1] else 0 for n, offset in ours.items()}
