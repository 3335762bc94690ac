"""The ingester, which knows of each article whether it is held."""

import asyncio
from collections.abc import Sequence

import httpx

from clawback_common.errors import Transient
from clawback_common.http.client import bearer
from clawback_contracts.holder.v1 import Holding, HoldingsAnswer
from retention.settings import Settings

IDS_PER_QUESTION = 500
TIMEOUT_S = 5.0
"""For all questions: who places a hold waits for the answer, and the hold is in force already."""


async def not_held(settings: Settings, article_ids: Sequence[str]) -> list[str] | None:
    """Those of the ids under which nothing is held: unknown, removed or swept. None when the ingester does not say."""
    address = f"{settings.ingester_url}api/v1/ingester/holdings"
    questions = [
        list(article_ids[first : first + IDS_PER_QUESTION])
        for first in range(0, len(article_ids), IDS_PER_QUESTION)
    ]
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            httpx.AsyncClient(headers=bearer(settings.ingester_api_key_file), timeout=TIMEOUT_S) as http,
        ):
            answers = [await http.post(address, json={"article_ids": asked}) for asked in questions]
        items = [HoldingsAnswer.model_validate_json(one.raise_for_status().content).items for one in answers]
    except (Transient, httpx.HTTPError, OSError, ValueError):  # a time-out is an OSError
        return None
    held = {one for answer in items for one, holding in answer.items() if holding is not Holding.GONE}
    return [one for one in article_ids if one not in held]
