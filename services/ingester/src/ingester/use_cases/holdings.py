"""What is held, for whoever asks."""

from collections.abc import Sequence

from clawback_common.messaging import quarantine
from ingester.storage import contents
from ingester.use_cases.service import Service


async def holdings(service: Service, article_ids: Sequence[str]) -> tuple[set[str], dict[str, int]]:
    """The ids that are held, as content or in quarantine; and the last order applied to each that has one."""
    held, applied = await contents.held(service.db, article_ids)
    return held | await quarantine.held(service.db, article_ids), applied
