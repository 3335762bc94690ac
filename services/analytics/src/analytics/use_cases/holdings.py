"""Which articles analytics holds."""

from collections.abc import Sequence

from analytics.storage import facets
from analytics.use_cases.service import Service
from clawback_common.messaging import quarantine


async def holdings(service: Service, article_ids: Sequence[str]) -> tuple[set[str], dict[str, int]]:
    """Returns the ids that are held, as facets or in quarantine, and the last applied order of each id that has one."""
    held, applied = await facets.held(service.db, article_ids)
    return held | await quarantine.held(service.db, article_ids), applied
