"""Catch-up: whether the service has processed everything that was on a topic when this process started.

A restored database contains content that was deleted after the backup. So nothing is served before the
service, in all of its processes, has caught up.
"""

from collections.abc import Mapping

from clawback_common.config.settings import CommonSettings
from clawback_common.errors import Transient
from clawback_common.kafka import offsets
from clawback_common.kafka.gaps import log_ends
from clawback_common.postgres import Database


class CatchUp:
    """Fails until the service's own offsets have reached the end that the topic had at the first check."""

    def __init__(
        self, settings: CommonSettings, db: Database, service: str, topic: str, *, refilled: bool = False
    ) -> None:
        """Create the check.

        Args:
            settings: of the service.
            db: the service's own.
            service: its name.
            topic: the topic.
            refilled: a worker of the service backfills the records of a lost log from their writer; wait for that too.
        """
        self._settings = settings
        self._db = db
        self._service = service
        self._topic = topic
        self._refilled = refilled
        self._goals: dict[int, int] | None = None
        self._done = False

    async def check(self) -> str | None:
        """Check the readiness.

        Raises:
            Transient: not caught up, or not known yet.
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
                f"{self._topic}: records from before the start are not processed yet", retry_after_s=1
            )
        self._done = True
        return None

    async def begin(self) -> dict[int, int]:
        """Record the end of the topic at the first call; return the end of each partition that has records.

        Raises:
            Transient: the broker does not respond.
        """
        if self._goals is None:
            ends = await log_ends(self._settings, self._topic)
            self._goals = {number: end for number, (first, end) in ends.items() if first < end}
        return self._goals

    def was_there(self, partition: int, offset: int) -> bool:
        """Return whether a record was on the topic when its end was recorded."""
        return self._goals is not None and offset < self._goals.get(partition, 0)

    async def _require_this_log(self, stored: Mapping[tuple[str, int], int]) -> None:
        """Refuse an offset beyond the end: its log was deleted, and the writer's records are not backfilled yet."""
        ends = await log_ends(self._settings, self._topic)
        if any(stored.get((self._topic, number), 0) > end for number, (_, end) in ends.items()):
            raise Transient(
                f"{self._topic}: the records of a lost log are not backfilled yet", retry_after_s=1
            )

    async def _in_this_log(self, ours: dict[int, int]) -> dict[int, int]:
        """Reset offsets beyond the end: they belong to a deleted log, so nothing of this log has been processed."""
        ends = await log_ends(self._settings, self._topic)
        return {n: offset if offset <= ends.get(n, (0, 0))[1] else 0 for n, offset in ours.items()}
