"""The ingester, which knows which articles are held."""

import asyncio
from collections.abc import Sequence

from clawback_common.errors import Transient
from clawback_common.http.client import sibling
from clawback_contracts.holder.v1 import Holding, HoldingsAnswer
from retention.settings import Settings

IDS_PER_QUESTION = 500
TIMEOUT_S = 5.0
"""The timeout of all requests together. The caller waits for them; the hold is already in force."""


async def not_held(settings: Settings, article_ids: Sequence[str]) -> list[str] | None:
    """Returns the ids for which no content is held: unknown, removed or swept. None if the ingester does not answer."""
    questions = [
        list(article_ids[first : first + IDS_PER_QUESTION])
        for first in range(0, len(article_ids), IDS_PER_QUESTION)
    ]
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            sibling("ingester", settings.ingester_url, settings.ingester_api_key_file, TIMEOUT_S) as ingester,
        ):
            answers = [
                await ingester.read(HoldingsAnswer, "POST", "/ingester/holdings", json={"article_ids": asked})
                for asked in questions
            ]
    except (Transient, TimeoutError):
        return None
    held = {one for answer in answers for one, holding in answer.items.items() if holding is not Holding.GONE}
    return [one for one in article_ids if one not in held]
