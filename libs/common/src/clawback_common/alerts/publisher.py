"""What is found to hold is said once, repeated while it lasts, and taken back when it ends."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from clawback_common.alerts import alert_state, messages
from clawback_common.alerts.condition import Condition, unsendable
from clawback_common.clock import Clock
from clawback_common.kafka.envelope import Message
from clawback_common.messaging import incidents
from clawback_common.messaging.outbox.orders import OrdersOutbox
from clawback_common.postgres import Database, Transaction
from clawback_common.service.loops import Loop
from clawback_contracts.envelope import event_id

SAID_AGAIN = timedelta(hours=1)
"""A condition that goes on is said again so often."""
LISTED_EVERY_S = 3_600.0
LISTED_MAX = 10_000
"""As many as the contract allows; a service with more lists none."""
EVENT_OVER = timedelta(hours=24)
EVENTS = "events"
Find = Callable[[Transaction], Awaitable[Sequence[Condition]]]
"""What holds now, looked for in this transaction."""
EVER = timedelta(days=3_650)
"""However far ahead the clock of the process was that said it last."""


@dataclass(frozen=True, slots=True)
class AlertPublisher:
    """Speaks in the name of one service. A watcher's name stands for all the conditions that it looks for."""

    service: str
    db: Database
    clock: Clock
    outbox: OrdersOutbox

    async def on_conditions(self, watcher: str, conditions: Sequence[Condition]) -> None:
        """What a watcher finds now: the new is raised, what goes on is repeated, what ended is taken back."""
        async with self.db.transaction() as tx:
            await self.say(tx, watcher, conditions, self.clock.now())

    async def on_found(self, watcher: str, find: Find) -> list[Condition]:
        """The same, where what holds may begin or end while it is looked for. Gives what was found.

        The watcher's conditions are locked before `find` looks: what began meanwhile is not resolved.
        """
        async with self.db.transaction() as tx:
            held = await alert_state.take(tx, watcher)
            found = list(await find(tx))
            await self._conclude(tx, watcher, found, held, self.clock.now())
        return found

    async def resolve_stale(self) -> None:
        """What was an event rather than a state ends when it has not come again for a day."""
        async with self.db.transaction() as tx:
            now = self.clock.now()
            silent = await alert_state.silent(tx, EVENTS, now - EVENT_OVER)
            await self.outbox.put(tx, await self._resolved(tx, silent, now))

    def loop(self) -> Loop:
        """Lists what is firing, in the one process that leads."""
        return Loop("alerts", LISTED_EVERY_S, self.list_firing, alone=True)

    async def list_firing(self) -> None:
        """Lists all that holds: what alerting has beyond that ended, though its end was lost or is forgotten."""
        async with self.db.transaction() as tx:
            held = await alert_state.firing(tx)
            if len(held) <= LISTED_MAX:
                await self.outbox.put(tx, [messages.firing(self.service, held, self.clock.now())])

    async def on_set_aside(self, lane: str, what: str) -> None:
        """A message that cannot be sent was set aside; the rest goes on."""
        async with self.db.transaction() as tx:
            now = self.clock.now()
            await incidents.open_all(
                tx, "unsendable_row", [(event_id("unsendable", lane, what), None, what)], now
            )
            await self.raise_event(tx, [unsendable(lane)], now)

    async def say(
        self,
        tx: Transaction,
        watcher: str,
        conditions: Sequence[Condition],
        now: datetime,
        *,
        again: bool = False,
    ) -> None:
        """``again``: raised also where it was raised a moment ago."""
        held = await alert_state.take(tx, watcher)
        await self._conclude(tx, watcher, conditions, held, now, again=again)

    async def _conclude(
        self,
        tx: Transaction,
        watcher: str,
        conditions: Sequence[Condition],
        held: Collection[str],
        now: datetime,
        *,
        again: bool = False,
    ) -> None:
        messages = await self._raised(tx, watcher, conditions, now, now + EVER if again else now - SAID_AGAIN)
        holding = {one.fingerprint(self.service) for one in conditions}
        messages += await self._resolved(tx, [known for known in held if known not in holding], now)
        await self.outbox.put(tx, messages)

    async def raise_event(self, tx: Transaction, conditions: Sequence[Condition], now: datetime) -> None:
        """Raise what is an event rather than a state, at most once in a while however often it comes."""
        await self.outbox.put(tx, await self._raised(tx, EVENTS, conditions, now, now - SAID_AGAIN))

    async def begin(
        self, tx: Transaction, watcher: str, conditions: Sequence[Condition], now: datetime
    ) -> None:
        """Raise at once what the watcher will find, and take back when it finds it no more."""
        await self.outbox.put(tx, await self._raised(tx, watcher, conditions, now, now - SAID_AGAIN))

    async def _raised(
        self,
        tx: Transaction,
        watcher: str,
        conditions: Sequence[Condition],
        now: datetime,
        said_before: datetime,
    ) -> list[Message]:
        if not conditions:
            return []
        found = {one.fingerprint(self.service): one for one in conditions}
        said = await alert_state.raise_all(tx, watcher, found, now, said_before)
        return [
            messages.raised(self.service, found[known], number, at, listed=True)
            for known, (number, at) in said.items()
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
