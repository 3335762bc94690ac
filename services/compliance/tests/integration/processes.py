"""Workers of compliance in the test's process and as separate processes, jobs, and holders that answer them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer

from clawback_common.kafka.envelope import Message
from clawback_common.postgres import Database
from clawback_contracts.envelope import Event, event_id
from clawback_contracts.revocation.v1 import (
    ArticleReinstated,
    ArticleRemoved,
    ArticleRevoked,
    CopyRemoval,
    Outcome,
    Reason,
    RevocationNoticed,
)
from clawback_testing.broker import Broker
from clawback_testing.processes import Processes
from clawback_testing.workers import running_service
from compliance.service import SERVICE
from compliance.settings import Settings
from services.compliance.tests.integration.conftest import SEARCH
from services.compliance.tests.integration.fake_ingester import FakeIngester


@dataclass(slots=True, kw_only=True)
class ProcessHarness(Processes):
    """The environment of a compliance process."""

    broker: Broker
    db: Database
    fake_ingester: FakeIngester
    port: int

    async def worker(self) -> asyncio.subprocess.Process:
        """Starts a worker as a process."""
        return await self.ready("worker", self.port)

    def working(self) -> AbstractAsyncContextManager[None]:
        """Runs a worker within the test's process."""
        return running_service(SERVICE, Settings())

    async def notice(self, *article_ids: str, poll_id: object = None) -> list[RevocationNoticed]:
        """Sends notices on the topic."""
        notices = [
            RevocationNoticed.model_validate(
                {
                    "notice_id": uuid4(),
                    "article_id": one,
                    "reason": Reason.LICENSOR,
                    "noticed_by": "metabase-revoked",
                    "noticed_at": datetime.now(UTC),
                    "poll_id": poll_id,
                }
            )
            for one in article_ids
        ]
        await self.broker.send(RevocationNoticed.TOPIC, [message(one, one.notice_id) for one in notices])
        return notices

    async def orders(self) -> list[Any]:
        """Returns all orders so far."""
        return await self.broker.events("revocations.v1", ArticleRevoked, ArticleReinstated)

    async def states(self, holder: str) -> dict[str, int]:
        """Returns the number of a holder's obligations by state."""
        rows = await self.db.fetch(
            "SELECT state, count(*) AS n FROM obligation WHERE holder = $1 GROUP BY state", holder
        )
        return {row["state"]: row["n"] for row in rows}


def message(event: Event, identity: Any) -> Message:
    """Returns an event as its sender would send it."""
    return Message.of(event, identity, at=datetime.now(UTC), traceparent=None)


KINDS = {"search": SEARCH.copy_kinds, "ingester": ("content", "quarantine")}


@asynccontextmanager
async def answering(harness: ProcessHarness, *holders: str, miss: int = 0) -> AsyncIterator[list[int]]:
    """Runs holders that answer every order except the first few; yields the attempts that they received."""
    consumer = AIOKafkaConsumer(
        "revocations.v1",
        bootstrap_servers=harness.broker.bootstrap,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
    )
    attempts: list[int] = []

    async def answer() -> None:
        to_ignore = miss
        while not stopping.is_set():
            found = await consumer.getmany(timeout_ms=50)
            orders = [
                ArticleRevoked.model_validate_json(one.value) for some in found.values() for one in some
            ]
            attempts.extend(order.attempt for order in orders)
            received, to_ignore = orders[to_ignore:], max(0, to_ignore - len(orders))
            harness.fake_ingester.held -= {order.article_id for order in received}
            if received:
                receipts = [_receipt(order, name) for order in received for name in holders]
                await harness.broker.send(ArticleRemoved.TOPIC, receipts)

    stopping = asyncio.Event()
    await consumer.start()
    task = asyncio.create_task(answer())
    try:
        yield attempts
    finally:
        stopping.set()
        await task
        await consumer.stop()


def _receipt(order: ArticleRevoked, holder: str) -> Message:
    receipt = ArticleRemoved(
        receipt_id=event_id("receipt", order.article_id, order.order, holder, order.attempt),
        article_id=order.article_id,
        order=order.order,
        holder=holder,
        removals=tuple(CopyRemoval(copy_kind=kind, outcome=Outcome.REMOVED) for kind in KINDS[holder]),
        answered_at=datetime.now(UTC),
        attempt=order.attempt,
    )
    return message(receipt, receipt.receipt_id)
