"""The rate limit of a provider's key, and the record of each call; both in the database, for all processes."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from clawback_common.postgres import Database
from ingester.gateways.providers.port import ApiCall, PausedByProvider, RecordCall
from ingester.settings import FeedSettings
from ingester.storage import feeds

WAIT_S_MIN = 0.001
CHECK_S_MAX = 1.0
"""A turn may become free earlier, when the call before it ends."""
PROVIDER_PAUSE_S_MAX = 60.0
"""A longer pause requested by the provider is not waited for: the poll fails and is repeated later."""
RETRY_AFTER_S_MAX = 86_400.0
"""No response blocks a key for longer than a day."""


class KeyPace:
    """The rate limit of a feed's key: shared by all processes, and revocations have priority.

    Args:
        feed: The feed whose key it is.
        db: The ingester's database.
        pause: The time between the end of a call and the next one with the same key.
    """

    def __init__(self, feed: FeedSettings, db: Database, pause: timedelta) -> None:
        self._db, self._key, self._urgent = db, feed.key, feed.kind == "revoked"
        self._pause = pause
        self._turn: datetime | None = None

    async def take(self) -> None:
        """Waits for a turn.

        Raises:
            PausedByProvider: The provider requested a pause longer than `PROVIDER_PAUSE_S_MAX`.
        """
        while True:
            turn = await feeds.take_turn(self._db, self._key, self._pause, urgent=self._urgent)
            if isinstance(turn, datetime):
                self._turn = turn
                return
            wait_s = turn.total_seconds()
            if wait_s > max(PROVIDER_PAUSE_S_MAX, 2 * self._pause.total_seconds()):
                raise PausedByProvider(wait_s)
            await asyncio.sleep(min(max(wait_s, WAIT_S_MIN), CHECK_S_MAX))

    async def end(self, retry_after_s: float | None) -> None:
        """Ends the turn; the key is not used during the pause, nor during a pause that the provider requested."""
        turn, self._turn = self._turn, None
        rest = timedelta(seconds=min(retry_after_s or 0.0, RETRY_AFTER_S_MAX))
        await feeds.end_turn(self._db, self._key, self._pause, turn, rest)


def recorder(db: Database) -> Callable[[FeedSettings, UUID], RecordCall]:
    """Returns a recorder for the calls of a poll."""

    def of_pass(feed: FeedSettings, poll_id: UUID) -> RecordCall:
        async def record(call: ApiCall) -> None:
            await feeds.record_call(db, feed.name, poll_id, call)

        return record

    return of_pass
