"""Holdings checks: asks holders about the articles that they reported as removed, together with control articles."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import structlog

from clawback_common.errors import Transient
from clawback_common.telemetry import span
from clawback_contracts.holder.v1 import HolderKind, Holding
from compliance.domain.obligation import CONTROLS, HoldingsCheck
from compliance.gateways import stores
from compliance.gateways.stores import HoldingsClient
from compliance.storage import obligations
from compliance.storage.controls import MISSING_MAX
from compliance.storage.obligations import Claim
from compliance.use_cases.controls import Controls
from compliance.use_cases.receipts import CHECK_AGAIN, on_holdings_checked, on_holdings_unavailable
from compliance.use_cases.service import Service

CLAIMS_MAX = stores.IDS_MAX - CONTROLS - MISSING_MAX
"""The maximum per question, besides the controls."""
CHECK_AGAIN_MAX = timedelta(minutes=5)
"""The longest delay before a consumer that does not answer is asked again; our own stores have no growing delay."""
IDLE_S = 1.0
"""The interval at which work left by other processes is found."""
_log = structlog.stdlib.get_logger(__name__)


class HoldingsVerifier:
    """Asks holders; receipts wake it, so removals are verified within milliseconds.

    Each holder is asked in its own task, so a slow one delays no other.
    """

    def __init__(self, service: Service, client: HoldingsClient, controls: Controls) -> None:
        self._service = service
        self._client = client
        self._controls = controls
        self._sleeper = service.verifiers.sleeper()
        self._asking: dict[str, asyncio.Task[bool]] = {}
        self._failures: Counter[str] = Counter()
        """Consecutive failures of each holder."""

    async def wait_and_verify(self) -> None:
        """Starts a round when woken, or after the interval; does not wait for its end."""
        await self._sleeper.sleep(IDLE_S)
        await self._begin()

    async def verify(self) -> bool:
        """Asks each holder about its reported removals and waits for all answers. Returns whether there may be more."""
        return any(await asyncio.gather(*await self._begin()))

    async def close(self) -> None:
        """Cancels the running checks; those without a recorded result are repeated by the next process."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _begin(self) -> list[asyncio.Task[bool]]:
        now = self._service.clock.now()
        by_holder: dict[str, list[Claim]] = {}
        for claim in await obligations.claims(self._service.db, now, CLAIMS_MAX, self._asking):
            by_holder.setdefault(claim.holder, []).append(claim)
        for holder, claims in by_holder.items():
            task = asyncio.create_task(self._verify_holder(holder, claims))
            self._asking[holder] = task
            task.add_done_callback(partial(self._done, holder))
        return [self._asking[holder] for holder in by_holder]

    def _done(self, holder: str, task: asyncio.Task[bool]) -> None:
        del self._asking[holder]
        if task.cancelled():
            return
        if error := task.exception():
            _log.error("a holdings check failed", holder=holder, exc_info=error)
        else:
            self._sleeper.wake()  # removals reported in the meantime have waited

    async def _verify_holder(self, holder: str, claims: Sequence[Claim]) -> bool:
        fitting = stores.first_that_fit(claim.article_id for claim in claims)
        asked = {claim.revocation_id: claim.article_id for claim in claims[:fitting]}
        try:
            with span("verify holdings", attributes={"holder": holder, "articles": len(asked)}):
                checked = await self._ask(holder, claims[:fitting])
        except Transient as error:
            _log.warning(
                "the holdings of a holder cannot be checked", holder=holder, articles=len(asked), error=error
            )
            await on_holdings_unavailable(asked, holder, self._service, self._pause(holder, claims[0]))
            return False
        del self._failures[holder]
        await on_holdings_checked(asked, checked, self._service)
        return len(claims) >= CLAIMS_MAX or fitting < len(claims)

    def _pause(self, holder: str, claim: Claim) -> timedelta:
        if claim.kind is HolderKind.STORE:
            return CHECK_AGAIN
        self._failures[holder] = min(self._failures[holder] + 1, 10)
        return min(CHECK_AGAIN * (1 << self._failures[holder] >> 1), CHECK_AGAIN_MAX)

    async def _ask(self, holder: str, claims: Sequence[Claim]) -> HoldingsCheck:
        ids = [claim.article_id for claim in claims]
        if claims[0].kind is HolderKind.STORE or holder in self._service.settings.stores:
            return await self._ask_own(holder, ids)
        address = claims[0].holdings_url
        if address is None:
            raise Transient(f"{holder} has no registered holdings address")
        answer = await self._client.ask_registered(address, list(dict.fromkeys(ids)))
        return HoldingsCheck(holder, answer.items)

    async def _ask_own(self, store: str, ids: Sequence[str]) -> HoldingsCheck:
        settings = self._service.settings
        address = settings.stores.get(store)
        if address is None:
            raise Transient(f"STORES has no address for {store}")
        sample = await self._controls.some(self._service, store)
        asked = list(dict.fromkeys([*ids, *sample.ids]))
        answer = await self._client.ask_own(str(address), asked, settings.stores_api_key_file)
        reported_gone = [one for one in sample.ids if answer.items.get(one) is Holding.GONE]
        missed = await self._controls.still_listed(reported_gone) if reported_gone else set()
        not_needed = [one for one in reported_gone if one not in missed]
        return HoldingsCheck(
            store,
            answer.items,
            ours=True,
            orders=answer.orders,
            controls=[one for one in sample.ids if one not in not_needed],
            missed=sorted(missed),
            not_needed=not_needed,
            few_live=sample.few,
        )
