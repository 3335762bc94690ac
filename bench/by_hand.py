"""What all hand-written contestants share: the job, with the statements of the ingester and the contract's model.

They store the same rows as the ingester; ``pipeline.py`` compares those of the limit.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import uvloop
from pydantic import TypeAdapter

from clawback_common.messaging.outbox import bulk
from clawback_common.service.process import tune_gc
from clawback_contracts.article.v1 import ArticleSubmitted
from ingester.domain.article import hash_of
from ingester.domain.terms import SEPARATOR, terms_of
from ingester.storage import articles, contents, submitted

KAFKA = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
DATABASE_URL = os.environ.get("DATABASE_URL", "")
GROUP = os.environ.get("GROUP", "by-hand")
TOPIC = ArticleSubmitted.TOPIC
ADAPTER = TypeAdapter(ArticleSubmitted)


class Submitted(NamedTuple):
    """An article as it arrived."""

    article: ArticleSubmitted
    event_id: str
    traceparent: str | None = None


async def store(connection: Any, batch: Sequence[Submitted]) -> None:
    """Locks rows, stores documents, fills the outbox and records the result of each, in one transaction."""
    now = datetime.now(UTC)
    by_id = {one.article.article_id: one for one in batch}
    ids = sorted(by_id)
    in_order = [by_id[article_id].article for article_id in ids]
    documents = {article.article_id: document(article) for article in in_order}
    async with connection.transaction():
        rows = await connection.fetch(
            articles.SQL["upsert"],
            ids,
            [article.published_at for article in in_order],
            [article.source_order for article in in_order],
            [article.embargoed_until for article in in_order],
            [article.licence_ends_at for article in in_order],
            now,
            [hash_of(documents[article_id]) for article_id in ids],
            [0] * len(ids),
        )
        await connection.execute(
            submitted.SQL["save"],
            TOPIC,
            [by_id[row["article_id"]].event_id for row in rows],
            [row["article_id"] for row in rows],
            ["stored" if row["stored"] else "not_newer" for row in rows],
            [row["version"] for row in rows],
            now,
        )
        stored = [row for row in rows if row["stored"]]
        if stored:
            await _keep(connection, stored, by_id, documents, now)


async def _keep(
    connection: Any,
    stored: Sequence[Any],
    by_id: Mapping[str, Submitted],
    documents: Mapping[str, bytes],
    now: datetime,
) -> None:
    kept = [by_id[row["article_id"]].article for row in stored]
    await keep_documents(connection, stored, kept, [documents[one.article_id].decode() for one in kept])
    await connection.execute(
        bulk.SQL["put"],
        [row["article_id"] for row in stored],
        [row["version"] for row in stored],
        [by_id[row["article_id"]].traceparent for row in stored],
        now,
    )


async def keep_documents(
    connection: Any, rows: Sequence[Any], kept: Sequence[ArticleSubmitted], documents: Sequence[str]
) -> None:
    """Stores the documents of these articles, which are in the order of their rows."""
    await connection.execute(
        contents.SQL["save"],
        [row["retention_date"] for row in rows],
        [row["article_id"] for row in rows],
        [row["version"] for row in rows],
        documents,
        [article.published_at for article in kept],
        [article.sentiment for article in kept],
        [article.word_count for article in kept],
        [SEPARATOR.join(terms_of(article)) for article in kept],
        SEPARATOR,
    )


def document(article: ArticleSubmitted) -> bytes:
    """Returns what is stored of an article: everything except the sender's numbering."""
    return ADAPTER.dump_json(article, exclude_none=True, exclude={"source_order"})


def submitted_of(record: Any) -> Submitted:
    """Returns what a record holds."""
    headers = dict(record.headers)
    trace = headers.get("traceparent")
    return Submitted(
        ADAPTER.validate_json(record.value), headers["ce_id"].decode(), trace.decode() if trace else None
    )


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
