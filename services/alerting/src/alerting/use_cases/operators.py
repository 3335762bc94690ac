"""What a person does about alerts: each act has a name, and stays on record."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

import structlog

from alerting.domain import condition
from alerting.domain.alert import Alert, Resolved
from alerting.domain.matcher import Matcher, may_match_critical
from alerting.storage import alerts, silences
from alerting.use_cases.folding import plan, say
from alerting.use_cases.service import Service
from clawback_common.errors import Conflict
from clawback_common.postgres.pool import Row
from clawback_contracts.envelope import event_id

SILENCES_MAX = 200
"""In force or to come: each is compared with every alert."""
_log = structlog.stdlib.get_logger(__name__)


async def acknowledge(fingerprint: str, by: str, service: Service, note: str | None = None) -> Alert | None:
    """Somebody looks at it: no more reminders of this occurrence. None: there is no such alert.

    Raises:
        Conflict: it does not hold; or somebody has acknowledged it, and another note would be lost.
    """
    async with service.db.transaction() as tx:
        taken = (await alerts.take_known(tx, [fingerprint])).get(fingerprint)
        if taken is None:
            return None
        if not taken.firing:
            raise Conflict("this alert does not hold any more")
        if taken.acknowledged_at is None:
            taken = replace(
                taken, acknowledged_at=service.clock.now(), acknowledged_by=by, acknowledged_note=note
            )
            await alerts.put(tx, [taken])
        elif note not in {None, taken.acknowledged_note}:
            raise Conflict(f"{taken.acknowledged_by} has acknowledged it already")
        return taken


async def resolve_by_hand(fingerprint: str, by: str, service: Service) -> Alert | None:
    """Somebody has mended it; when it is said again, that is a new occurrence. None: there is no such alert.

    Raises:
        Conflict: it does not hold.
    """
    async with service.db.transaction() as tx:
        now = service.clock.now()
        taken = (await alerts.take_known(tx, [fingerprint])).get(fingerprint)
        if taken is None:
            return None
        if not taken.firing:
            raise Conflict("this alert does not hold any more")
        await say(tx, [Resolved(fingerprint, now, by)], service, now)
        return await alerts.one(tx, fingerprint)


@dataclass(frozen=True, slots=True)
class Silence:
    """What is muted, until when, by whom, and why."""

    silence_id: UUID
    matchers: Sequence[str]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    created_at: datetime
    comment: str


async def silence(
    matchers: Sequence[str], span: tuple[datetime, datetime], by: str, comment: str, service: Service
) -> Silence:
    """Mute what matches; what still holds when it ends is told then. What may mute critical alerts is announced.

    Raises:
        Conflict: there are too many silences.
    """
    now, silence_id = service.clock.now(), uuid4()
    async with service.db.transaction() as tx:
        if await silences.count(tx, now) >= SILENCES_MAX:
            raise Conflict(f"there are {SILENCES_MAX} silences already: end one of them")
        await silences.put(tx, silence_id, matchers, span, by, now, comment)
        _log.warning("silence created", silence_id=silence_id, by=by, matchers=matchers, until=span[1])
        if may_match_critical([Matcher.parse(one) for one in matchers]):
            said = condition.silence_created(by, matchers, span[1], now)
            taken = (await alerts.take(tx, [said.fingerprint], now))[said.fingerprint].told(said)
            await alerts.put(tx, [taken])
            await plan(tx, [taken], service, now, service.book.targets)  # past silences, this one too
    return Silence(silence_id, matchers, *span, by, now, comment)


async def end_silence(silence_id: UUID, by: str, service: Service) -> Row | None:
    """End a silence before its time. None: there is none that is not over."""
    _log.warning("silence ended", silence_id=silence_id, by=by)
    return await silences.end(service.db, silence_id, service.clock.now(), by)


async def test_everybody(by: str, service: Service) -> Alert:
    """A test alert to everyone by every channel, whatever the routes and silences say."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        said = condition.test_alert(by, now)
        taken = (await alerts.take(tx, [said.fingerprint], now))[said.fingerprint].told(said)
        await alerts.put(tx, [taken])
        targets = service.book.everybody(str(event_id("test", taken.fingerprint, taken.occurrence)))
        await plan(tx, [taken], service, now, lambda _: targets)
        return taken
