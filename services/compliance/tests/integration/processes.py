"""Processes of compliance, and holders that answer them."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
from aiokafka import AIOKafkaConsumer

from clawback_common.bus.envelope import Message
from clawback_common.db import Database
from clawback_common.testing.broker import Broker
from clawback_common.testing.waiting import until
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
from services.compliance.tests.integration.conftest import SEARCH
from services.compliance.tests.integration.neighbours import Neighbour


@dataclass(slots=True)
class Around:
    """Everything around a compliance process."""

    broker: Broker
    db: Database
    neighbour: Neighbour
    env: Mapping[str, str]
    port: int
    running: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def worker(self) -> asyncio.subprocess.Process:
        """A worker that consumes."""
        process = await self.start("worker")

        async def ready() -> bool:
            assert process.returncode is None, "the worker has ended"
            try:
                async with httpx.AsyncClient() as http:
                    return (await http.get(f"http://127.0.0.1:{self.port}/readyz")).status_code == 200
            except httpx.HTTPError:
                return False

        await until(ready, deadline_s=60, what="the worker is ready")
        return process

    async def start(self, *role: str, **env: str) -> asyncio.subprocess.Process:
        """A process of compliance."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "compliance",
            *role,
            env={**os.environ, **self.env, **env},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE if role[0] != "worker" else None,
        )
        self.running.append(process)
        return process

    async def job(self, *role: str, **env: str) -> tuple[int, str]:
        """A job to its end: exit code and all that it said."""
        process = await self.start(*role, **env)
        out, err = await process.communicate()
        return process.returncode or 0, (out or b"").decode() + (err or b"").decode()

    async def notice(self, *article_ids: str, poll_id: object = None) -> list[RevocationNoticed]:
        """Notices on the topic."""
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
        """Everything that was ordered so far."""
        return await self.broker.events("revocations.v1", ArticleRevoked, ArticleReinstated)

    async def states(self, holder: str) -> dict[str, int]:
        """What a holder owes, by state."""
        rows = await self.db.fetch(
            "SELECT state, count(*) AS n FROM obligation WHERE holder = $1 GROUP BY state", holder
        )
        return {row["state"]: row["n"] for row in rows}


def message(event: Event, identity: Any) -> Message:
    """An event as its sender would send it."""
    return Message.of(event, identity, at=datetime.now(UTC), traceparent=None)


KINDS = {"search": SEARCH.copy_kinds, "ingester": ("content", "quarantine")}


@asynccontextmanager
async def answering(around: Around, *holders: str, miss: int = 0) -> AsyncIterator[list[int]]:
    """Holders that answer every order as it comes, but for the first few; gives the attempts that they saw."""
    consumer = AIOKafkaConsumer(
        "revocations.v1",
        bootstrap_servers=around.broker.bootstrap,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
    )
    attempts: list[int] = []

    async def answer() -> None:
        left = miss
        while not stopping.is_set():
            found = await consumer.getmany(timeout_ms=50)
            orders = [
                ArticleRevoked.model_validate_json(one.value) for some in found.values() for one in some
            ]
            attempts.extend(order.attempt for order in orders)
            heard, left = orders[left:], max(0, left - len(orders))
            around.neighbour.held -= {order.article_id for order in heard}
            if heard:
                receipts = [_receipt(order, name) for order in heard for name in holders]
                await around.broker.send(ArticleRemoved.TOPIC, receipts)

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
