"""What people do about alerts: acknowledge, resolve, silence, test. Each action is recorded with its subject."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

import structlog

from alerting.domain import condition
from alerting.domain.alert import Alert, Raised, Resolved
from alerting.domain.matcher import Matcher, may_match_critical
from alerting.domain.routing import Target
from alerting.storage import alerts, silences
from alerting.use_cases.folding import Targets, fold_events, queue_due
from alerting.use_cases.service import Service
from clawback_common.errors import Conflict
from clawback_common.postgres import Transaction
from clawback_common.postgres.pool import Row
from clawback_contracts.envelope import event_id

SILENCES_MAX = 200
"""Active or future; each is compared with every alert."""
_log = structlog.stdlib.get_logger(__name__)


async def acknowledge(fingerprint: str, by: str, service: Service, note: str | None = None) -> Alert | None:
    """Acknowledges an alert: stops the reminders of this occurrence.

    Returns:
        The alert; None if it does not exist.

    Raises:
        Conflict: it is not firing, or it was acknowledged before with another note.
    """
    async with service.db.transaction() as tx:
        alert = (await alerts.lock_existing(tx, [fingerprint])).get(fingerprint)
        if alert is None:
            return None
        if not alert.firing:
            raise Conflict("this alert is not firing any more")
        if alert.acknowledged_at is None:
            alert = replace(
                alert, acknowledged_at=service.clock.now(), acknowledged_by=by, acknowledged_note=note
            )
            await alerts.save(tx, [alert])
        elif note not in {None, alert.acknowledged_note}:
            raise Conflict(f"{alert.acknowledged_by} has already acknowledged it")
        return alert


async def resolve_by_hand(fingerprint: str, by: str, service: Service) -> Alert | None:
    """Resolves an alert by hand. If it is raised again, that is a new occurrence.

    Returns:
        The alert; None if it does not exist.

    Raises:
        Conflict: it is not firing.
    """
    async with service.db.transaction() as tx:
        now = service.clock.now()
        alert = (await alerts.lock_existing(tx, [fingerprint])).get(fingerprint)
        if alert is None:
            return None
        if not alert.firing:
            raise Conflict("this alert is not firing any more")
        await fold_events(tx, [Resolved(fingerprint, now, by)], service, now)
        return await alerts.one(tx, fingerprint)


async def silence(
    matchers: Sequence[str], span: tuple[datetime, datetime], by: str, comment: str, service: Service
) -> Row:
    """Creates a silence. Alerts that are still firing when it ends are notified then.

    A silence that may mute critical alerts is announced to the recipients in the routes.

    Raises:
        Conflict: there are too many silences.
    """
    now, silence_id = service.clock.now(), uuid4()
    async with service.db.transaction() as tx:
        if await silences.count(tx, now) >= SILENCES_MAX:
            raise Conflict(f"there are {SILENCES_MAX} silences already: end one of them first")
        created = await silences.insert(tx, silence_id, matchers, span, by, now, comment)
        _log.warning("silence created", silence_id=silence_id, by=by, matchers=matchers, until=span[1])
        if may_match_critical([Matcher.parse(one) for one in matchers]):
            raised = condition.silence_created(by, matchers, span[1], now)
            # Announced regardless of silences, this one included.
            await _announce(tx, raised, service, now, service.routing.targets)
    return created


async def _announce(
    tx: Transaction, raised: Raised, service: Service, now: datetime, targets: Targets
) -> Alert:
    """Raises an alert and queues its notifications to these targets."""
    locked = await alerts.lock_or_create(tx, [raised.fingerprint], now)
    alert = locked[raised.fingerprint].fold(raised)
    await alerts.save(tx, [alert])
    await queue_due(tx, [alert], service, now, targets)
    return alert


async def end_silence(silence_id: UUID, by: str, service: Service) -> Row | None:
    """Ends a silence before its time.

    Returns:
        The silence; None if there is no active or future one with this id.
    """
    _log.warning("silence ended", silence_id=silence_id, by=by)
    return await silences.end(service.db, silence_id, service.clock.now(), by)


async def send_test_alert(by: str, service: Service) -> Alert:
    """Sends a test alert to every recipient through every channel, regardless of routes and silences."""

    def everybody(alert: Alert) -> list[Target]:
        return service.routing.all_targets(str(event_id("test", alert.fingerprint, alert.occurrence)))

    async with service.db.transaction() as tx:
        now = service.clock.now()
        return await _announce(tx, condition.test_alert(by, now), service, now, everybody)
