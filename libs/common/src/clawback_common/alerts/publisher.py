"""Publishes alerts: raises a condition once, repeats it while it lasts, and resolves it when it ends."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from clawback_common.alerts import alert_state, messages
from clawback_common.alerts.condition import Condition, unsendable
from clawback_common.clock import Clock
from clawback_common.kafka.envelope import Message
from clawback_common.messaging import incidents
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database, Transaction
from clawback_common.service.loops import Loop
from clawback_contracts.envelope import event_id

REPEAT_INTERVAL = timedelta(hours=1)
"""A condition that lasts is published again at this interval."""
LISTED_EVERY_S = 3_600.0
LISTED_MAX = 10_000
"""The contract's limit; a service with more firing alerts publishes no list."""
EVENT_OVER = timedelta(hours=24)
EVENTS = "events"
Find = Callable[[Transaction], Awaitable[Sequence[Condition]]]
"""Finds the conditions that hold now, in this transaction."""
EVER = timedelta(days=3_650)
"""Later than the clock of any other process: publishes a condition again whenever it was published last."""


@dataclass(frozen=True, slots=True)
class AlertPublisher:
    """Publishes the alerts of one service. A watcher is the name of a set of conditions that are found together."""

    service: str
    db: Database
    clock: Clock
    outbox: PriorityOutbox

    async def on_conditions(self, watcher: str, conditions: Sequence[Condition]) -> None:
        """Publish what a watcher finds: raise new conditions, repeat lasting ones, resolve those that ended."""
        async with self.db.transaction() as tx:
            await self.sync(tx, watcher, conditions, self.clock.now())

    async def on_found(self, watcher: str, find: Find) -> list[Condition]:
        """Publish what `find` returns, where conditions may begin or end while it runs.

        The watcher's conditions are locked before `find` runs, so a condition that begins meanwhile is not resolved.

        Returns:
            The conditions found.
        """
        async with self.db.transaction() as tx:
            held = await alert_state.take(tx, watcher)
            found = list(await find(tx))
            await self._publish_changes(tx, watcher, found, held, self.clock.now())
        return found

    async def resolve_stale(self) -> None:
        """Resolve events that have not occurred again for a day."""
        async with self.db.transaction() as tx:
            now = self.clock.now()
            silent = await alert_state.silent(tx, EVENTS, now - EVENT_OVER)
            await self.outbox.put(tx, await self._resolved(tx, silent, now))

    def loop(self) -> Loop:
        """Return the loop that lists the firing alerts, in the leading process."""
        return Loop("alerts", LISTED_EVERY_S, self.list_firing, alone=True)

    async def list_firing(self) -> None:
        """Publish the list of firing alerts.

        Alerting ends every alert of this service that is not in the list: its resolution was lost, or this database was
        restored and does not know the alert.
        """
        async with self.db.transaction() as tx:
            held = await alert_state.firing(tx)
            if len(held) <= LISTED_MAX:
                await self.outbox.put(tx, [messages.firing(self.service, held, self.clock.now())])

    async def on_set_aside(self, lane: str, what: str) -> None:
        """Open an incident and raise an alert for an outbox row that cannot be sent."""
        async with self.db.transaction() as tx:
            now = self.clock.now()
            await incidents.open_all(
                tx, "unsendable_row", [(event_id("unsendable", lane, what), None, what)], now
            )
            await self.raise_event(tx, [unsendable(lane)], now)

    async def sync(
        self,
        tx: Transaction,
        watcher: str,
        conditions: Sequence[Condition],
        now: datetime,
        *,
        again: bool = False,
    ) -> None:
        """Publish the conditions of a watcher in this transaction.

        Args:
            tx: the transaction.
            watcher: the watcher that found the conditions.
            conditions: the conditions that hold.
            now: the time of publication.
            again: also publish conditions that were published a moment ago.
        """
        held = await alert_state.take(tx, watcher)
        await self._publish_changes(tx, watcher, conditions, held, now, again=again)

    async def _publish_changes(
        self,
        tx: Transaction,
        watcher: str,
        conditions: Sequence[Condition],
        held: Collection[str],
        now: datetime,
        *,
        again: bool = False,
    ) -> None:
        messages = await self._raised(
            tx, watcher, conditions, now, now + EVER if again else now - REPEAT_INTERVAL
        )
        holding = {one.fingerprint(self.service) for one in conditions}
        messages += await self._resolved(tx, [known for known in held if known not in holding], now)
        await self.outbox.put(tx, messages)

    async def raise_event(self, tx: Transaction, conditions: Sequence[Condition], now: datetime) -> None:
        """Raise events, each at most once per `REPEAT_INTERVAL` however often it occurs."""
        await self.outbox.put(tx, await self._raised(tx, EVENTS, conditions, now, now - REPEAT_INTERVAL))

    async def begin(
        self, tx: Transaction, watcher: str, conditions: Sequence[Condition], now: datetime
    ) -> None:
        """Raise at once what the watcher will find later; the watcher resolves it when it no longer holds."""
        await self.outbox.put(tx, await self._raised(tx, watcher, conditions, now, now - REPEAT_INTERVAL))

    async def _raised(
        self,
        tx: Transaction,
        watcher: str,
        conditions: Sequence[Condition],
        now: datetime,
        published_before: datetime,
    ) -> list[Message]:
        if not conditions:
            return []
        found = {one.fingerprint(self.service): one for one in conditions}
        published = await alert_state.raise_all(tx, watcher, found, now, published_before)
        return [
            messages.raised(self.service, found[known], number, at, listed=True)
            for known, (number, at) in published.items()
        ]

    async def _resolved(self, tx: Transaction, fingerprints: Sequence[str], now: datetime) -> list[Message]:
        if not fingerprints:
            return []
        over = await alert_state.resolve(tx, fingerprints, now)
        return [
            messages.resolved(
                self.service, row["fingerprint"], row["name"], row["occurrence"], row["resolved_at"]
            )
            for row in over
        ]
