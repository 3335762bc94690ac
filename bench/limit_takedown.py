"""The limit of a takedown: notice, order, removal, receipt, check, verified; hand-written, one commit each.

Three processes, as in the real chain: ``compliance``, ``ingester`` and ``analytics``. The downstream consumer is the
real one. No outbox: after the commit a message is sent directly, and is lost if the process dies in between.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import uvicorn
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from analytics.storage import facets
from bench import by_hand
from bench.chain import ANALYTICS, HOLDERS, INGESTER
from bench.count_by_hand import uncount
from clawback_contracts import cloudevents
from clawback_contracts.envelope import Event, event_id
from clawback_contracts.holder.answers import receipt
from clawback_contracts.revocation.v1 import ArticleRemoved, ArticleRevoked, Outcome, RevocationNoticed
from ingester.storage import articles, contents

PORTS = {holder: int(os.environ.get(f"{holder}_PORT".upper(), "0")) for holder in (INGESTER, ANALYTICS)}
ORDERED = "INSERT INTO by_hand_order (article_id, ordered_at) VALUES ($1, $2) ON CONFLICT DO NOTHING"
OBLIGED = (
    "INSERT INTO by_hand_obligation (article_id, holder) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING"
)
VERIFIED = "UPDATE by_hand_obligation SET verified_at = $3 WHERE article_id = $1 AND holder = $2"

Handle = Callable[[Any], Awaitable[None]]


class Hand:
    """What each role needs."""

    def __init__(self, pool: asyncpg.Pool, producer: AIOKafkaProducer) -> None:
        self.pool = pool
        self.producer = producer

    async def say(self, event: Event, identity: object, cause: Any) -> None:
        """Sends directly, and waits for the broker."""
        at = datetime.now(UTC)
        message = cloudevents.write(event, event_id(identity), "/bench/by-hand", at, cause.headers)
        await self.producer.send_and_wait(**message)


async def compliance(hand: Hand) -> None:
    """Turns notices into orders; checks receipts and marks them as verified."""
    async with httpx.AsyncClient() as http:

        async def noticed(record: Any) -> None:
            await _order(hand, RevocationNoticed.model_validate_json(record.value), record)

        async def removed(record: Any) -> None:
            await _close(hand, http, ArticleRemoved.model_validate_json(record.value))

        await asyncio.gather(
            _listen(RevocationNoticed.TOPIC, noticed), _listen(ArticleRemoved.TOPIC, removed)
        )


async def _order(hand: Hand, notice: RevocationNoticed, record: Any) -> None:
    now = datetime.now(UTC)
    async with hand.pool.acquire() as connection, connection.transaction():
        await connection.execute(ORDERED, notice.article_id, now)
        await connection.execute(OBLIGED, notice.article_id, HOLDERS)
    order = ArticleRevoked(
        article_id=notice.article_id,
        order=1,
        revocation_id=event_id("revocation", notice.article_id),
        reason=notice.reason,
        notice_ids=(notice.notice_id,),
        clock_started_at=now,
        due_at=now,
        ordered_at=now,
    )
    await hand.say(order, ("order", notice.article_id), record)


async def _close(hand: Hand, http: httpx.AsyncClient, answer: ArticleRemoved) -> None:
    """Checks the holdings of a store; the receipt of a consumer is sufficient."""
    if answer.holder in PORTS:
        question = {"article_ids": [answer.article_id]}
        answered = (
            await http.post(f"http://127.0.0.1:{PORTS[answer.holder]}/holdings", json=question)
        ).json()
        if answered["items"][answer.article_id] != "gone":
            return
    await hand.pool.execute(VERIFIED, answer.article_id, answer.holder, datetime.now(UTC))


async def ingester(hand: Hand) -> None:
    """Removes what an order names, answers the order, and answers holdings requests."""
    await _store(hand, INGESTER, contents.SQL["held"], _remove)


async def analytics(hand: Hand) -> None:
    """Stops counting what an order names, answers the order, and answers holdings requests."""
    await _store(hand, ANALYTICS, facets.SQL["held"], _uncount)


async def _store(
    hand: Hand, holder: str, held_sql: str, remove: Callable[[Hand, ArticleRevoked], Awaitable[None]]
) -> None:
    async def ordered(record: Any) -> None:
        order = ArticleRevoked.model_validate_json(record.value)
        await remove(hand, order)
        answer = receipt(order, holder, {"content": Outcome.REMOVED}, at=datetime.now(UTC))
        await hand.say(answer, answer.receipt_id, record)

    async def holdings(request: Request) -> JSONResponse:
        asked = (await request.json())["article_ids"]
        held = {row["article_id"] for row in await hand.pool.fetch(held_sql, asked) if row["held"]}
        return JSONResponse({"items": {one: "held" if one in held else "gone" for one in asked}})

    app = Starlette(routes=[Route("/holdings", holdings, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=PORTS[holder], log_level="warning", access_log=False))
    await asyncio.gather(_listen(ArticleRevoked.TOPIC, ordered), server._serve())  # noqa: SLF001 - signals are ours


async def _remove(hand: Hand, order: ArticleRevoked) -> None:
    now, ids = datetime.now(UTC), [order.article_id]
    row = (ids, [order.order], ["revoked"], [order.revocation_id], [order.reason], [order.ordered_at], [True])
    async with hand.pool.acquire() as connection, connection.transaction():
        await connection.execute(articles.SQL["lock_or_create"], ids, now)
        rows = await connection.fetch(articles.SQL["apply_orders"], *row, now, [False])
        dated = [row["retention_date"] for row in rows if row["retention_date"]]
        await connection.fetch(contents.SQL["remove"], dated, ids)


async def _uncount(hand: Hand, order: ArticleRevoked) -> None:
    ids = [order.article_id]
    row = (ids, [order.order], ["revoked"], [order.revocation_id], [True])
    async with hand.pool.acquire() as connection, connection.transaction():
        await connection.execute(facets.SQL["lock_or_create"], ids)
        await uncount(connection, await connection.fetch(facets.SQL["apply_orders"], *row))


async def _listen(topic: str, handle: Handle) -> None:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=by_hand.KAFKA,
        group_id=f"{by_hand.GROUP}-{topic}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    async with consumer:
        async for record in consumer:
            await handle(record)
            await consumer.commit()


async def main() -> None:
    """The role on the command line."""
    role = {"compliance": compliance, INGESTER: ingester, ANALYTICS: analytics}[sys.argv[1]]
    producer = AIOKafkaProducer(bootstrap_servers=by_hand.KAFKA, enable_idempotence=True, linger_ms=0)
    async with producer, asyncpg.create_pool(by_hand.DATABASE_URL, min_size=2, max_size=4) as pool:
        await role(Hand(pool, producer))


if __name__ == "__main__":
    by_hand.run(main, tuned=True)
