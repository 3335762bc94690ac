"""The holdings endpoint of every service that stores articles: which of the given ids it holds."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from fastapi import Depends

from clawback_common.http.auth import Caller, reader
from clawback_common.http.routing import Router
from clawback_contracts.holder import answers
from clawback_contracts.holder.v1 import HoldingsAnswer, HoldingsQuestion

Held = Callable[[Sequence[str]], Awaitable[tuple[set[str], dict[str, int]]]]
"""Returns the ids that are held, as content or in quarantine, and the last order applied to each id that has one."""
_Reader = Annotated[Caller, Depends(reader())]


def holdings_router(service: str, held: Held) -> Router:
    """`holdings`."""
    router = Router(prefix=f"/{service}", tags=["holdings"])

    @router.post("/holdings", summary="Which of these ids are held, in storage or in quarantine")
    async def holdings(_: _Reader, question: HoldingsQuestion) -> HoldingsAnswer:
        there, applied = await held(question.article_ids)
        return answers.holdings(question, there, applied)

    return router
