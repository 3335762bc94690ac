"""Articles that must be held: what a store of ours answers of them shows what its other answers are worth."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import structlog

from clawback_common.errors import Transient
from compliance.domain.obligation import CONTROLS, LISTS
from compliance.gateways.ingester import Ingester
from compliance.storage import articles
from compliance.storage import controls as missing_controls
from compliance.use_cases.service import Service

CONTROLS_KEPT = 100
REACHED_AFTER = timedelta(minutes=1)
"""By then an article has come to the stores that read it from the topic: it may be asked of them too."""
FEW_AGAIN = timedelta(seconds=2)
"""While there are too few that can be used, they are fetched again so soon."""
_CHECKED_AT_ONCE = 20
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ControlSample:
    """The ids that one question has among its others."""

    fresh: tuple[str, ...]
    missing: tuple[str, ...] = ()
    """What this store has called gone before; it is asked again until it answers rightly."""

    @property
    def ids(self) -> list[str]:
        """All of them, each once."""
        return list(dict.fromkeys([*self.fresh, *self.missing]))

    @property
    def few(self) -> bool:
        """There were not enough articles to choose from."""
        return len(self.fresh) < CONTROLS


class Controls:
    """Ids from anywhere among the readable articles, fetched again every minute and used in turn."""

    def __init__(self, ingester: Ingester) -> None:
        self._ingester = ingester
        self._ids: deque[str] = deque()
        self._reached: dict[str, datetime] = {}
        self._fetched_at: datetime | None = None
        self._stale = False
        """Some of them need not be held any more, so others may not either."""

    async def refresh(self, service: Service) -> None:
        """Asks the ingester what there is to read; where it does not answer, what we have stays."""
        try:
            await self._fetch(service.clock.now())
        except Transient as error:
            _log.warning("no articles to compare with", error=error)

    async def _fetch(self, now: datetime) -> None:
        listed = await self._ingester.live(CONTROLS_KEPT)
        self._ids = deque(one.article_id for one in listed)
        self._reached = {one.article_id: one.updated_at + REACHED_AFTER for one in listed if one.updated_at}
        self._fetched_at, self._stale = now, False

    async def some(self, service: Service, store: str = LISTS) -> ControlSample:
        """A few that are not revoked and that this store has had time to hear of, and those that it called gone.

        Raises:
            Transient: none was ever fetched, or too few are left, and the ingester does not answer.
        """
        now = service.clock.now()
        usable = await self._usable(service, store, now)
        again = self._fetched_at is None or now - self._fetched_at >= FEW_AGAIN
        if (self._stale or len(usable) < CONTROLS) and again:
            await self._fetch(now)
            usable = await self._usable(service, store, now)
        missing = await missing_controls.missing(service.db, store)
        return ControlSample(tuple(usable), tuple(missing))

    async def _usable(self, service: Service, store: str, now: datetime) -> list[str]:
        """The next that can be used; those that were revoked meanwhile are dropped for good."""
        self._ids.rotate(-CONTROLS)
        fair = [one for one in self._ids if store == LISTS or self._reached.get(one, now) <= now]
        usable: list[str] = []
        for start in range(0, len(fair), _CHECKED_AT_ONCE):
            some = fair[start : start + _CHECKED_AT_ONCE]
            revoked = await articles.revoked_among(service.db, some)
            self._drop(revoked)
            usable += (one for one in some if one not in revoked)
            if len(usable) >= CONTROLS:
                break
        return list(islice(usable, CONTROLS))

    async def still_listed(self, article_ids: Iterable[str]) -> set[str]:
        """Those of the ids that are still there to be read although a store calls them gone; the others are dropped.

        Raises:
            Transient: the ingester does not answer.
        """
        asked = list(article_ids)
        listed = await asyncio.gather(*(self._ingester.lists(one) for one in asked))
        found = {one for one, there in zip(asked, listed, strict=True) if there}
        self._drop(set(asked) - found)
        self._stale = self._stale or len(found) < len(asked)
        return found

    def _drop(self, article_ids: set[str]) -> None:
        if article_ids:
            self._ids = deque(one for one in self._ids if one not in article_ids)
