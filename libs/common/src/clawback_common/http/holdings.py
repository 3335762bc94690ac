"""The holdings endpoint of every service that stores articles: which of the given ids it holds."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from fastapi import Depends

from clawback_common.http.auth import Caller, reader
from clawback_common.http.routing import Router
from clawback_common.messaging import quarantine
from clawback_common.postgres import Database
from clawback_common.postgres.pool import Row
from clawback_contracts.holder import answers
from clawback_contracts.holder.v1 import HoldingsAnswer, HoldingsQuestion

Held = Callable[[Database, Sequence[str]], Awaitable[list[Row]]]
"""Returns a row for each id: ``article_id``, ``held`` in storage, and ``order_no``, the last applied order or 0."""
_Reader = Annotated[Caller, Depends(reader())]


def holdings_router(service: str, db: Database, held: Held) -> Router:
    """`holdings`."""
    router = Router(prefix=f"/{service}", tags=["holdings"])

    @router.post("/holdings", summary="Which of these ids are held, in storage or in quarantine")
    async def holdings(_: _Reader, question: HoldingsQuestion) -> HoldingsAnswer:
        return await answered(db, held, question)

    return router


async def answered(db: Database, held: Held, question: HoldingsQuestion) -> HoldingsAnswer:
    """Return the answer to a question: from storage and quarantine."""
    rows = await held(db, question.article_ids)
    stored = {row["article_id"] for row in rows if row["held"]}
    orders = {row["article_id"]: row["order_no"] for row in rows if row["order_no"]}
    return answers.holdings(question, stored | await quarantine.held(db, question.article_ids), orders)
