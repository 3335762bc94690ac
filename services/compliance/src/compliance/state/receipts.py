"""Receipts, each once, with what it meant when it came."""

from collections.abc import Sequence
from datetime import datetime

import orjson

from clawback_common.db import Querier, Queries, Transaction
from clawback_common.db.pool import Row
from compliance.domain.obligation import Answer, Meaning

SQL = Queries.load(__package__, "receipts")


async def put(tx: Transaction, answers: Sequence[tuple[Answer, Meaning]], now: datetime) -> None:
    """Records answers; of one that comes twice, the first."""
    rows = list({answer.receipt_id: (answer, meaning) for answer, meaning in reversed(answers)}.values())
    await tx.execute(
        SQL["put"],
        [answer.receipt_id for answer, _ in rows],
        [answer.article_id for answer, _ in rows],
        [answer.order_no for answer, _ in rows],
        [answer.holder for answer, _ in rows],
        [answer.attempt for answer, _ in rows],
        [orjson.dumps(answer.removals).decode() for answer, _ in rows],
        [answer.answered_at for answer, _ in rows],
        [answer.came_by for answer, _ in rows],
        [meaning.value for _, meaning in rows],
        now,
    )


async def of_article(db: Querier, article_id: str) -> list[Row]:
    """Every receipt on an article, the oldest first."""
    return await db.fetch(SQL["of_article"], article_id)


async def of_order(db: Querier, article_id: str, order_no: int) -> list[Row]:
    """Every receipt of one order, the oldest first."""
    return await db.fetch(SQL["of_order"], article_id, order_no)
