"""Received webhooks, and the responses to submissions, for repeated ones."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from clawback_common.postgres import Database, Querier, Queries, Transaction
from clawback_common.postgres.pool import Row

SQL = Queries.load(__package__, "deliveries")


@dataclass(frozen=True, slots=True)
class Known:
    """A stored response to a body."""

    body_sha256: bytes
    answer: dict[str, Any]


async def insert(
    db: Database,
    provider: str,
    webhook_id: str,
    body: bytes,
    sha256: bytes,
    answer: dict[str, Any],
    traceparent: str | None,
    now: datetime,
) -> bool:
    """Stores a webhook's raw body. Returns False if its id is known."""
    encoded = orjson.dumps(answer).decode()
    return (
        await db.fetchval(SQL["insert"], provider, webhook_id, sha256, body, encoded, traceparent, now)
        is not None
    )


async def known(db: Querier, provider: str, webhook_id: str) -> Known | None:
    """Returns the webhook with this id."""
    return _known(await db.fetchrow(SQL["known"], provider, webhook_id))


async def waiting(db: Querier, limit: int) -> list[Row]:
    """Returns webhooks that are not processed yet, the oldest first."""
    return await db.fetch(SQL["waiting"], limit)


async def backlog(db: Querier, now: datetime) -> dict[str, float]:
    """Returns the number of unprocessed webhooks, and for how many seconds the oldest has waited."""
    row = await db.fetchrow(SQL["backlog"])
    oldest_at = row["oldest_at"] if row else None
    waited = (now - oldest_at).total_seconds() if oldest_at else 0.0
    return {"waiting": row["waiting"] if row else 0, "oldest_seconds": round(max(0.0, waited), 1)}


async def processed(tx: Transaction, provider: str, webhook_id: str, now: datetime) -> None:
    """Deletes the body; the row stays."""
    await tx.execute(SQL["processed"], provider, webhook_id, now)


async def answered(db: Querier, caller: str, key: str) -> Known | None:
    """Returns the response to this caller for an idempotency key."""
    return _known(await db.fetchrow(SQL["answered"], caller, key))


async def answer(
    tx: Transaction, caller: str, key: str, sha256: bytes, body: dict[str, Any], now: datetime
) -> None:
    """Stores a response."""
    await tx.execute(SQL["answer"], caller, key, sha256, orjson.dumps(body).decode(), now)


def _known(row: Row | None) -> Known | None:
    return None if row is None else Known(row["body_sha256"], orjson.loads(row["answer"]))
