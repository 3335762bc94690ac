"""Control articles, which must be held: a store's answers about them show whether its other answers are reliable."""

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
"""After this time an article has reached the stores that read the topic, so it can be a control for them."""
FEW_AGAIN = timedelta(seconds=2)
"""The interval between fetches while there are too few usable controls."""
_CHECKED_AT_ONCE = 20
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ControlSample:
    """The control ids of one question."""

    fresh: tuple[str, ...]
    missing: tuple[str, ...] = ()
    """Controls that this store reported as gone before; they are asked again until it reports them as held."""

    @property
    def ids(self) -> list[str]:
        """Returns all ids without repeats."""
        return list(dict.fromkeys([*self.fresh, *self.missing]))

    @property
    def few(self) -> bool:
        """Returns whether there were too few articles to choose from."""
        return len(self.fresh) < CONTROLS


class Controls:
    """A sample of readable article ids, fetched every minute and used in turn."""

    def __init__(self, ingester: Ingester) -> None:
        self._ingester = ingester
        self._ids: deque[str] = deque()
        self._reached: dict[str, datetime] = {}
        self._fetched_at: datetime | None = None
        self._stale = False
        """Some ids no longer need to be held, so others may be outdated too."""

    async def refresh(self, service: Service) -> None:
        """Fetches a sample from the ingester; if it does not respond, the last sample stays in use."""
        try:
            await self._fetch(service.clock.now())
        except Transient as error:
            _log.warning("control articles cannot be fetched", error=error)

    async def _fetch(self, now: datetime) -> None:
        listed = await self._ingester.live(CONTROLS_KEPT)
        self._ids = deque(one.article_id for one in listed)
        self._reached = {one.article_id: one.updated_at + REACHED_AFTER for one in listed if one.updated_at}
        self._fetched_at, self._stale = now, False

    async def some(self, service: Service, store: str = LISTS) -> ControlSample:
        """Returns some controls that this store must hold, and those that it reported as gone.

        Raises:
            Transient: No sample was ever fetched, or too few ids are left, and the ingester does not respond.
        """
        now = service.clock.now()
        usable, missing = await asyncio.gather(
            self._usable(service, store, now), missing_controls.missing(service.db, store)
        )
        again = self._fetched_at is None or now - self._fetched_at >= FEW_AGAIN
        if (self._stale or len(usable) < CONTROLS) and again:
            await self._fetch(now)
            usable = await self._usable(service, store, now)
        return ControlSample(tuple(usable), tuple(missing))

    async def _usable(self, service: Service, store: str, now: datetime) -> list[str]:
        """Returns the next usable ids; ids that were revoked in the meantime are dropped."""
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
        """Returns the ids that are still readable although a store reports them as gone; the others are dropped.

        Raises:
            Transient: The ingester does not respond.
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
