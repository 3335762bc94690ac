"""Makes stored articles searchable."""

from datetime import timedelta

import structlog

from clawback_common.errors import Poison
from clawback_common.postgres.pool import Row
from ingester.domain.article import EPOCH
from ingester.gateways import metrics
from ingester.storage import search
from ingester.use_cases.service import Service

BATCH_MAX = 100
"""Articles per statement: a quarter of a second on a busy machine, so that a sweep gets its lock between two."""
BATCHES_MAX = 20
"""Batches per call, so that a loop can end."""
BATCH_BESIDE_BACKLOG = 20
"""Articles per call, twice a second at most, while many others wait to be stored."""

_log = structlog.stdlib.get_logger(__name__)


async def index(service: Service) -> None:
    """Makes the oldest articles searchable that are not; several workers share them.

    Storing comes first: vectors take longer than all else that is done for an article.
    """
    if service.backlog.exists(service.clock.now()):
        await _index(service, BATCH_BESIDE_BACKLOG)
        return
    for _ in range(BATCHES_MAX):
        if await _index(service, BATCH_MAX) < BATCH_MAX:
            return


async def _index(service: Service, limit: int) -> int:
    """Makes the oldest articles searchable; one of which PostgreSQL makes no vector stops no other."""
    try:
        return await search.index(service.db, limit)
    except Poison:
        if limit > 1:
            return await _index(service, limit // 2)
    if (key := await search.oldest(service.db)) is not None:
        await _index_one(service, key)
    return 0


async def _index_one(service: Service, key: Row) -> None:
    """Makes one article searchable, or leaves it out for ever if PostgreSQL makes no vector of it."""
    try:
        await search.index_one(service.db, key)
    except Poison as error:
        await search.leave_out(service.db, key)
        metrics.UNSEARCHABLE.inc()
        _log.warning("an article cannot be searched", article_id=key["article_id"], error=error)


async def lag(service: Service) -> timedelta:
    """Returns how long the oldest article that is not searchable yet has been stored."""
    version = await search.oldest_waiting(service.db)
    stored_at = None if version is None else EPOCH + timedelta(milliseconds=version)
    return timedelta() if stored_at is None else max(timedelta(), service.clock.now() - stored_at)
