"""Answers questions about holdings."""

from collections.abc import Sequence

from clawback_common.messaging import quarantine
from ingester.storage import contents
from ingester.use_cases.service import Service


async def holdings(service: Service, article_ids: Sequence[str]) -> tuple[set[str], dict[str, int]]:
    """Returns the ids held as content or in quarantine, and the last applied order of each id with orders."""
    held, applied = await contents.held(service.db, article_ids)
    return held | await quarantine.held(service.db, article_ids), applied
