"""Receipts, each recorded once, with its outcome."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

import orjson

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_common.postgres.rows import columns
from compliance.domain.obligation import STRAY, Answer, ReceiptOutcome

SQL = Queries.load(__package__, "receipts")


STRAYS_MAX = 1_000
"""The limit per day of receipts without an obligation, so that a sender of invented orders cannot fill the disk."""
KINDS_MAX = 100
_DAY = timedelta(days=1)


async def save(tx: Transaction, answers: Sequence[tuple[Answer, ReceiptOutcome]], now: datetime) -> None:
    """Records each receipt once; receipts without an obligation up to the limit."""
    rows = await _bounded(tx, answers, now)
    await tx.execute(
        SQL["save"],
        *columns(
            [answer for answer, _ in rows],
            "receipt_id article_id order_no holder attempt answered_at received_via authenticated digest",
        ),
        [orjson.dumps(dict(islice(answer.removals.items(), KINDS_MAX))).decode() for answer, _ in rows],
        [meaning.value for _, meaning in rows],
        now,
    )


async def _bounded(
    tx: Transaction, answers: Sequence[tuple[Answer, ReceiptOutcome]], now: datetime
) -> list[tuple[Answer, ReceiptOutcome]]:
    distinct = list({answer.key: (answer, meaning) for answer, meaning in reversed(answers)}.values())
    strays = [one for one in distinct if one[1] in STRAY]
    if not strays:
        return distinct
    room = STRAYS_MAX - int(await tx.fetchval(SQL["strays"], now - _DAY, STRAYS_MAX))
    return [*(one for one in distinct if one[1] not in STRAY), *strays[:room]]


async def of_article(db: Querier, article_id: str, after: tuple[datetime, int], limit: int) -> list[Row]:
    """Returns receipts on an article, the oldest first, after a position."""
    return await db.fetch(SQL["of_article"], article_id, *after, limit)


async def of_order(db: Querier, article_id: str, order_no: int, limit: int) -> list[Row]:
    """Returns the receipts of one order, the oldest first."""
    return await db.fetch(SQL["of_order"], article_id, order_no, limit)
