"""A node that holds every kind of lease and is in the middle of the work of each, to be cut off by a test.

Arguments: the addresses of an ingester's database and of compliance's, a file. Prints a line when a job begins and
when it ends, as `relay working`, `relay LeaseLost`. Each goes on when the file exists.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from typing_extensions import override

from clawback_common.clock import SystemClock
from clawback_common.config.settings import CommonSettings
from clawback_common.errors import ClawbackError
from clawback_common.kafka.envelope import Message
from clawback_common.kafka.producer import Outcome, Producer, Sent
from clawback_common.messaging.outbox import priority
from clawback_common.messaging.outbox.bulk import BulkOutbox
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.messaging.outbox.relay import Relay, Waiting
from clawback_common.postgres import Database
from clawback_common.retention.sweeper import Sweeper, Task
from clawback_common.service.leases import Leadership, Lease
from clawback_common.service.process import ShutdownEvent
from clawback_contracts.sweep.v1 import SweepCompleted
from compliance.settings import Settings as ComplianceSettings
from compliance.use_cases.daily_run import Check
from compliance.use_cases.service import Service as Compliance
from ingester.gateways.providers.metabase.values import RevokedPage
from ingester.service import assemble
from ingester.settings import Settings as IngesterSettings
from ingester.use_cases import polling
from ingester.use_cases.service import Service as Ingester
from services.compliance.tests.integration.conftest import service_of
from services.compliance.tests.integration.fake_ingester import FakeIngester
from services.ingester.tests.integration.world import Script, revoked_page

LOOK_S = 0.05
POLL_S_MAX = 120.0
"""A poll that compliance requested does not end before the network is back."""
OWNER = "ingester"
TIDIED, IN_A_TRANSACTION = "tidying", "tidying_in_a_transaction"

Pause = Callable[[str], Awaitable[None]]
"""Called in the middle of the job of this name."""


@dataclass(frozen=True, slots=True)
class Node:
    """Jobs that only one process may do at a time, each under the same lease as in the services."""

    name: str
    ingester: Ingester
    compliance: Compliance
    pause: Pause

    @property
    def jobs(self) -> dict[str, Callable[[], Coroutine[Any, Any, object]]]:
        """By name; each ends when it is done once, or when the lease is lost."""
        return {
            "relay": self.relay,
            "sweeper": self.sweep,
            "run": self.run,
            "feed": self.poll,
            TIDIED: self.lead,
        }

    async def relay(self) -> None:
        """Sends what the outbox of the ingester holds."""
        stop = ShutdownEvent()
        await _Relay(self, stop).run(stop)

    async def sweep(self) -> None:
        """Works a request off."""
        sweeper = _Sweeper(OWNER, self.ingester.db, self.ingester.clock, self.ingester.outbox)
        sweeper.node = self
        due = "SELECT count(*) FROM sweep_task WHERE outcome IS NULL"
        while await self.ingester.db.fetchval(due):
            await sweeper.process_due()
            if self.name == "node":
                return
            await asyncio.sleep(LOOK_S)

    async def run(self) -> None:
        """Makes a compliance check."""

        async def brings(_: UUID) -> int:
            await self.pause("run")
            return 0

        ingester = replace(FakeIngester(brings=brings).ingester(), poll_timeout_s=POLL_S_MAX)
        check = Check(self.compliance, ingester, ShutdownEvent(), str, timedelta(0))
        await check.asked("schedule", self.name)

    async def poll(self) -> None:
        """Polls a feed of revocations that lists one."""

        async def page() -> RevokedPage:
            await self.pause("feed")
            return revoked_page(self.name, cursor=self.name)

        feed = Script([page]).feed()
        while await polling.poll_if_due(feed, self.ingester) is None:  # noqa: ASYNC110 - no event says that it is due
            await asyncio.sleep(LOOK_S)

    async def lead(self) -> None:
        """Leads, and tidies twice at a time: between two transactions, and within one."""
        leadership, stop = Leadership(self.ingester.db), ShutdownEvent()
        leading = asyncio.create_task(leadership.run(stop))
        await asyncio.gather(self._led(leadership, self._tidy), self._led(leadership, self._tidy_within))
        stop.set()
        await leading

    async def _led(self, leadership: Leadership, tidy: Callable[[list[str]], Awaitable[None]]) -> None:
        begun: list[str] = []
        while not begun:
            await leadership.led(lambda: tidy(begun))
            await asyncio.sleep(LOOK_S)

    async def _tidy(self, begun: list[str]) -> None:
        begun.append(TIDIED)
        await self.pause(TIDIED)
        await self.ingester.db.execute("UPDATE tidied SET by = $1 WHERE what = $2", self.name, TIDIED)

    async def _tidy_within(self, begun: list[str]) -> None:
        begun.append(IN_A_TRANSACTION)
        async with self.ingester.db.transaction() as tx:
            await tx.execute("UPDATE tidied SET by = $1 WHERE what = $2", self.name, IN_A_TRANSACTION)
            await self.pause(IN_A_TRANSACTION)


class _Confirming(Producer):
    """A broker that accepts everything, wherever the node is."""

    @override
    async def send(self, messages: Sequence[Message]) -> list[Outcome]:
        return [Sent(0, number) for number, _ in enumerate(messages)]


class _Relay(Relay):
    """Pauses between what it sent and the transaction that marks it; ends with that."""

    def __init__(self, node: Node, stop: ShutdownEvent) -> None:
        producer = _Confirming(CommonSettings(), node.name)
        super().__init__(priority.LANE, node.ingester.db, producer, node.ingester.clock)
        self._node, self._stop = node, stop

    @override
    async def _mark(self, places: Sequence[tuple[Waiting, Sent | None]], lease: Lease) -> None:
        await self._node.pause("relay")
        self._stop.set()
        await super()._mark(places, lease)


class _Sweeper(Sweeper):
    """Pauses before it removes."""

    node: Node

    @override
    async def _done(self, task: Task) -> SweepCompleted:
        await self.node.pause("sweeper")
        return await super()._done(task)


@asynccontextmanager
async def opened(name: str, ingester_url: str, compliance_url: str, pause: Pause) -> AsyncIterator[Node]:
    """A node with connections of its own."""
    async with (
        Database.connect(ingester_url, name=name) as ingester,
        Database.connect(compliance_url, name=name) as compliance,
    ):
        clock = SystemClock()
        yield Node(
            name,
            assemble(IngesterSettings(), ingester, clock, PriorityOutbox(), BulkOutbox(), {}),
            service_of(ComplianceSettings(), compliance, clock),
            pause,
        )


def report(line: str) -> None:
    """Print a line for the test."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main(ingester_url: str, compliance_url: str, wake: str) -> None:
    """Run until all jobs are over."""

    async def pause(job: str) -> None:
        report(f"{job} working")
        while not Path(wake).exists():  # noqa: ASYNC110, ASYNC240 - another process makes the file
            await asyncio.sleep(LOOK_S)

    async def done(job: str, do: Callable[[], Awaitable[object]]) -> None:
        try:
            await do()
        except ClawbackError as error:
            report(f"{job} {type(error).__name__}")
        report(f"{job} over")

    async with opened("node", ingester_url, compliance_url, pause) as node:
        await asyncio.gather(*(done(name, job) for name, job in node.jobs.items()))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
