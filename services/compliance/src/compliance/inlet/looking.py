"""Looks where we can look: what a holder says that it removed is asked for, together with what must be there."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

import httpx
import structlog

from clawback_common.errors import Transient
from clawback_common.telemetry import span
from clawback_contracts.holder.v1 import HolderKind, Holding
from compliance import flow
from compliance.domain.obligation import Looked
from compliance.flow import Service
from compliance.outlet import metrics, stores
from compliance.outlet.ingester import Ingester
from compliance.state import articles, obligations
from compliance.state.obligations import Claim

CONTROLS = 5
"""In each question; they must be held, or the answers on the others are worth nothing."""
CONTROLS_KEPT = 100
REACHED_AFTER = timedelta(minutes=1)
"""By then an article has come to the stores that read it from the topic: it may be asked of them too."""
FAIR_TIME = timedelta(minutes=10)
"""Such a store may be behind, or have swept before the ingester has: what it misses for longer it answers wrongly."""
LISTS = "ingester"
"""The store that lists the articles holds what it lists at every moment."""
FEW_AGAIN = timedelta(seconds=2)
"""While there are too few, as in an ingester that has just begun, they are fetched anew so soon."""
IDLE_S = 1.0
"""What another process left to look at is found so late."""
_log = structlog.stdlib.get_logger(__name__)


class Controls:
    """Ids of articles that must be held, fetched anew every minute and used in turn."""

    def __init__(self, ingester: Ingester) -> None:
        self._ingester = ingester
        self._ids: deque[str] = deque()
        self._reached: dict[str, datetime] = {}
        self._fetched_at: datetime | None = None

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
        self._fetched_at = now

    async def some(self, service: Service, store: str = LISTS) -> list[str]:
        """A few of them that are not revoked, and that this store has had time to hear of.

        Raises:
            Transient: there are none yet, and the ingester does not answer.
        """
        now = service.clock.now()
        few = len(self._ids) < CONTROLS
        if self._fetched_at is None or (few and now - self._fetched_at >= FEW_AGAIN):
            await self._fetch(now)
        self._ids.rotate(-CONTROLS)
        fair = (one for one in self._ids if store == LISTS or self._reached.get(one, now) <= now)
        chosen = list(islice(fair, CONTROLS))
        revoked = await articles.revoked_among(service.db, chosen) if chosen else set()
        return [one for one in chosen if one not in revoked]

    async def missed(self, article_ids: Iterable[str]) -> list[str]:
        """Those of the ids that are still listed although the store calls them gone; the others are let go."""
        wrong = []
        for article_id in article_ids:
            if await self._ingester.lists(article_id):
                wrong.append(article_id)
            else:
                with suppress(ValueError):
                    self._ids.remove(article_id)
        return wrong


class Looker:
    """Asks holders; woken by receipts, so that what is removed is verified within milliseconds."""

    def __init__(self, service: Service, http: httpx.AsyncClient, controls: Controls) -> None:
        self._service = service
        self._http = http
        self._controls = controls
        self._woken = asyncio.Event()
        self._missing_since: dict[tuple[str, str], datetime] = {}
        """By store and id: must be held, and is called gone."""

    def wake(self) -> None:
        """There is something to look at."""
        self._woken.set()

    async def wait_and_look(self) -> None:
        """One round, begun when woken or after a while."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), IDLE_S)
        self._woken.clear()
        if await self.look():
            self.wake()

    async def look(self) -> bool:
        """Asks each holder about what it claims; True when there may be more."""
        now = self._service.clock.now()
        by_holder: dict[str, list[Claim]] = {}
        claims = await obligations.claims(self._service.db, now, stores.IDS_MAX - CONTROLS)
        for claim in claims:
            by_holder.setdefault(claim.holder, []).append(claim)
        await asyncio.gather(*(self._look_at(holder, some) for holder, some in by_holder.items()))
        return any(len(some) >= stores.IDS_MAX - CONTROLS for some in by_holder.values())

    async def _look_at(self, holder: str, claims: Sequence[Claim]) -> None:
        asked = {claim.revocation_id: claim.article_id for claim in claims}
        try:
            with span("look", attributes={"holder": holder, "articles": len(asked)}):
                looked = await self._ask(holder, claims)
        except Transient as error:
            _log.warning("a holder cannot be looked at", holder=holder, articles=len(asked), error=error)
            looked = Looked(holder, {}, controls=0)
        await flow.on_looked(asked, looked, self._service)

    async def _ask(self, holder: str, claims: Sequence[Claim]) -> Looked:
        settings = self._service.settings
        store = settings.stores.get(holder)
        address, key_file = (store, settings.stores_api_key_file) if store else (claims[0].holdings_url, None)
        if address is None:
            raise Transient(f"STORES has no address of {holder}")
        ours = claims[0].kind is HolderKind.STORE
        must_be_held = await self._controls.some(self._service, holder) if ours else []
        ids = list(dict.fromkeys([*(claim.article_id for claim in claims), *must_be_held]))
        answers = await stores.ask(self._http, str(address), ids, key_file)
        looked = Looked(holder, answers, controls=len(must_be_held))
        return await self._weighed(looked, must_be_held)

    async def _weighed(self, looked: Looked, must_be_held: Sequence[str]) -> Looked:
        gone = [one for one in must_be_held if looked.answers.get(one) is Holding.GONE]
        unsure = any(looked.answers.get(one, Holding.UNKNOWN) is Holding.UNKNOWN for one in must_be_held)
        missed = await self._controls.missed(gone) if gone else []
        wrong = self._too_long(looked.store, must_be_held, missed)
        if wrong:
            metrics.LOOKS_FAILED.labels(looked.store).inc()
        if missed and len(gone) == len(must_be_held):
            unsure = True  # nothing that must be there was seen there
        return replace(looked, controls=looked.controls - len(gone), wrong=tuple(wrong), unsure=unsure)

    def _too_long(self, store: str, asked: Sequence[str], missed: Sequence[str]) -> list[str]:
        """Those that a store has missed for longer than it may be behind."""
        now = self._service.clock.now()
        for article_id in asked:
            if article_id not in missed:
                self._missing_since.pop((store, article_id), None)
        since = {one: self._missing_since.setdefault((store, one), now) for one in missed}
        fair = timedelta(0) if store == LISTS else FAIR_TIME
        return [one for one in missed if now - since[one] >= fair]
