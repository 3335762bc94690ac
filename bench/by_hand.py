"""What all hand-written contestants share: the job, with the statements of the ingester and the contract's model."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import uvloop

from clawback_common.messaging.outbox import bulk
from clawback_common.service.process import tune_gc
from clawback_contracts.article.v1 import ArticleSubmitted
from ingester.storage import articles, contents, submitted

KAFKA = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
DATABASE_URL = os.environ.get("DATABASE_URL", "")
GROUP = os.environ.get("GROUP", "by-hand")
TOPIC = ArticleSubmitted.TOPIC

Submitted = tuple[ArticleSubmitted, str | None]
"""An article, and its trace."""


async def store(connection: Any, batch: Sequence[Submitted]) -> None:
    """Locks rows, stores documents, fills the outbox and records the result of each, in one transaction."""
    now = datetime.now(UTC)
    by_id = {article.article_id: (article, trace) for article, trace in batch}
    ids = sorted(by_id)
    taking = [by_id[article_id][0] for article_id in ids]
    async with connection.transaction():
        rows = await connection.fetch(
            articles.SQL["upsert"],
            ids,
            [article.published_at for article in taking],
            [article.source_order for article in taking],
            [article.embargoed_until for article in taking],
            [article.licence_ends_at for article in taking],
            now,
            [None] * len(ids),
            [0] * len(ids),
        )
        await connection.execute(
            submitted.SQL["save"],
            TOPIC,
            [row["article_id"] for row in rows],
            [row["article_id"] for row in rows],
            ["stored" if row["stored"] else "not_newer" for row in rows],
            [row["version"] for row in rows],
            now,
        )
        stored = [row for row in rows if row["stored"]]
        if stored:
            await _keep(connection, stored, by_id, now)


async def _keep(connection: Any, stored: Sequence[Any], by_id: dict[str, Submitted], now: datetime) -> None:
    await connection.execute(
        contents.SQL["save"],
        [row["retention_date"] for row in stored],
        [row["article_id"] for row in stored],
        [row["version"] for row in stored],
        [document(by_id[row["article_id"]][0]) for row in stored],
    )
    await connection.execute(
        bulk.SQL["put"],
        [row["article_id"] for row in stored],
        [row["version"] for row in stored],
        [by_id[row["article_id"]][1] for row in stored],
        now,
    )


def document(article: ArticleSubmitted) -> str:
    """Returns what is stored of an article: everything except the sender's numbering."""
    return article.model_dump_json(exclude_none=True, exclude={"source_order"})


def trace_of(headers: Sequence[tuple[str, bytes]]) -> str | None:
    """Returns the ``traceparent`` of a record."""
    return next((value.decode() for name, value in headers if name == "traceparent"), None)


def run(work: Callable[[], Awaitable[None]], *, tuned: bool = False) -> None:
    """Runs until SIGTERM, or until the work is done.

    Args:
        work: the contestant.
        tuned: whether to tune the garbage collector as our services do.
    """
    if tuned:
        tune_gc()

    async def until_asked() -> None:
        task = asyncio.ensure_future(work())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    uvloop.run(until_asked())
