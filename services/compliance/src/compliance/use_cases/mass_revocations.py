"""Detects a feed that revokes an unusual share of the articles held."""

from datetime import datetime, timedelta

import structlog

from clawback_common.alerts.condition import Condition
from clawback_common.errors import Transient
from compliance.domain import condition
from compliance.gateways.ingester import Ingester
from compliance.storage import notices
from compliance.use_cases.approval import window_start
from compliance.use_cases.service import Service

MASS = "mass revocations"
COUNT_AGE_MAX = timedelta(hours=1)
"""The ingester counts all its articles for this, and a share needs no exact number."""
_log = structlog.stdlib.get_logger(__name__)


class MassRevocations:
    """Monitors the feeds; caches the number of articles held."""

    def __init__(self, service: Service, ingester: Ingester) -> None:
        self._service = service
        self._ingester = ingester
        self._held: int | None = None
        self._asked_at: datetime | None = None

    async def watch(self) -> list[Condition]:
        """Raises an alert for each feed that revoked an unusual share. Returns the conditions."""
        now = self._service.clock.now()
        if self._asked_at is None or now - self._asked_at >= COUNT_AGE_MAX:
            self._asked_at = now
            await self._count()
        return await watch_mass_revocations(self._service, self._held)

    async def _count(self) -> None:
        try:
            self._held = await self._ingester.held()
        except Transient as error:
            _log.warning("the number of articles held is not known", error=error)


async def watch_mass_revocations(service: Service, held: int | None) -> list[Condition]:
    """Returns a condition per feed above the share; an unknown number of articles counts as small."""
    settings = service.settings
    usual = max(settings.bulk_approval_threshold, int((held or 0) * settings.mass_revocation_share))
    counted = await notices.counted_by_feed(service.db, window_start(service), usual + 1)
    found = [
        condition.mass_revocation(feed, count, settings.bulk_approval_window_h)
        for feed, count in sorted(counted.items())
        if count > usual
    ]
    await service.alert_publisher.on_conditions(MASS, found)
    return found
