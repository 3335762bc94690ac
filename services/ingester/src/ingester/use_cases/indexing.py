"""Makes stored articles searchable."""

from datetime import timedelta

from ingester.domain.article import EPOCH
from ingester.storage import search
from ingester.use_cases.service import Service

BATCH_MAX = 100
"""Articles per statement: half a second, so that a sweep gets its lock between two of them."""
BATCHES_MAX = 20
"""Batches per call, so that a loop can end."""


async def index(service: Service) -> None:
    """Makes the oldest articles searchable that are not; several workers share them."""
    for _ in range(BATCHES_MAX):
        if await search.index(service.db, BATCH_MAX) < BATCH_MAX:
            return


async def lag(service: Service) -> timedelta:
    """Returns how long the oldest article that is not searchable yet has been stored."""
    version = await search.oldest_waiting(service.db)
    stored_at = None if version is None else EPOCH + timedelta(milliseconds=version)
    return timedelta() if stored_at is None else max(timedelta(), service.clock.now() - stored_at)
