"""The limit: hand-written parsing, storing and publishing of the provider's pages, prefetching the next page.

The ingester's parser and its own statements; no cursor, no outbox, no record of calls, no retry.
"""

import asyncio
import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import orjson
from aiokafka import AIOKafkaProducer

from bench import by_hand
from clawback_common.postgres import Database
from clawback_contracts import cloudevents
from clawback_contracts.article.v1 import ArticlePublished
from clawback_contracts.envelope import event_id
from ingester.gateways.providers.metabase.values import Page
from ingester.gateways.providers.metabase.wire import parse_articles
from ingester.storage import articles
from ingester.storage.contents import Months

URL = os.environ.get("METABASE_URL", "")
LIMIT = 500


async def main() -> None:
    """Reads the feed once to its end; prints articles and seconds."""
    producer = AIOKafkaProducer(
        bootstrap_servers=by_hand.KAFKA,
        enable_idempotence=True,
        linger_ms=5,
        max_batch_size=262_144,
    )
    async with (
        httpx.AsyncClient() as http,
        producer,
        Database.connect(by_hand.DATABASE_URL) as db,
        asyncpg.create_pool(by_hand.DATABASE_URL, min_size=1, max_size=1) as pool,
        pool.acquire() as connection,
    ):
        started = time.monotonic()
        count = await _drain(http, producer, connection, Months(db))
        print(json.dumps({"articles": count, "seconds": time.monotonic() - started}), flush=True)


async def _drain(http: httpx.AsyncClient, producer: AIOKafkaProducer, connection: Any, months: Months) -> int:
    count = 0
    page = await _page(http, "0")
    sending: list[asyncio.Future[Any]] = []
    while True:
        last = page.count < LIMIT
        following = None if last else asyncio.create_task(_page(http, page.last_sequence or "0"))
        now = datetime.now(UTC)
        await months.make(min(article.published_at, now) for article in page.articles)
        values = await _store(connection, page, now)
        sending += [await producer.send(ArticlePublished.TOPIC, **message) for message in values]
        count += page.count
        if following is None:
            await asyncio.gather(*sending)
            return count
        page = await following


async def _page(http: httpx.AsyncClient, cursor: str) -> Page:
    params = {"key": "by-hand", "sequence_id": cursor, "limit": str(LIMIT)}
    answer = await http.get(f"{URL}/api/v10/articles", params=params)
    return parse_articles(answer.content, answer.headers["content-type"], received_at=datetime.now(UTC))


async def _store(connection: Any, page: Page, now: datetime) -> Sequence[dict[str, Any]]:
    """Locks rows and stores documents in one transaction; returns what must be published."""
    by_id = {article.article_id: article for article in page.articles}
    taking = [by_id[article_id] for article_id in sorted(by_id)]
    async with connection.transaction():
        rows = await connection.fetch(
            articles.SQL["upsert"],
            [article.article_id for article in taking],
            [article.published_at for article in taking],
            [article.source_order for article in taking],
            [article.embargoed_until for article in taking],
            [article.licence_ends_at for article in taking],
            now,
            [None] * len(taking),
            [0] * len(taking),
        )
        kept = [by_id[row["article_id"]] for row in rows]
        documents = [by_hand.document(article).decode() for article in kept]
        await by_hand.keep_documents(connection, rows, kept, documents)
    return [
        _message(row, document, by_id[row["article_id"]].source_order, now)
        for row, document in zip(rows, documents, strict=True)
    ]


def _message(row: Any, document: str, source_order: int | None, now: datetime) -> dict[str, Any]:
    head = orjson.dumps(
        {
            "version": row["version"],
            "after_order": 0,
            "source_order": source_order,
            "retention_date": row["retention_date"],
            "received_at": now,
        }
    )
    article_id, value = row["article_id"], head[:-1] + b"," + document.encode()[1:]
    identity = event_id("article", article_id, row["version"], 0)
    headers = cloudevents.headers(identity, "/bench/by-hand", ArticlePublished.TYPE, article_id, value, now)
    return {"key": article_id.encode(), "value": value, "headers": headers}


if __name__ == "__main__":
    by_hand.run(main, tuned=True)
