"""What is read by HTTP: alerts, silences, channels."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Path, Query

from alerting.domain.alert import Alert
from alerting.domain.matcher import Matcher, all_match
from alerting.flow import Service
from alerting.inlet.callers import Minding, Reader
from alerting.inlet.schemas import AlertListed, AlertWithNotifications, SilenceAnswer
from alerting.state import alerts, channels, consents, messages, silences
from clawback_common.http.paging import (
    Cursor,
    Limit,
    Page,
    bad_cursor,
    decode_cursor,
    decode_instant,
    encode_cursor,
    page,
)
from clawback_common.http.problem import Problem
from clawback_common.http.routing import Router
from clawback_contracts.alert.v1 import Severity

_END = datetime.max.replace(tzinfo=UTC)
_LAST_ID = UUID(int=2**128 - 1)
Fingerprint = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]


def alert_told(alert: Alert) -> dict[str, Any]:
    """An alert in the words of the API; its id is its fingerprint."""
    return {
        "id": alert.fingerprint,
        "name": alert.name,
        "service": alert.service,
        "severity": alert.severity.value,
        "summary": alert.summary,
        "labels": dict(alert.labels),
        "is_event": alert.is_event,
        "status": alert.status,
        "occurrence": alert.occurrence,
        "count": alert.count,
        "first_at": alert.first_at,
        "last_at": alert.last_at,
        "resolved_at": alert.resolved_at,
        "resolved_by": alert.resolved_by,
        "acknowledged_at": alert.acknowledged_at,
        "acknowledged_by": alert.acknowledged_by,
        "acknowledged_note": alert.acknowledged_note,
    }


def _listed(alert: Alert, silenced: Sequence[tuple[UUID, Sequence[Matcher]]]) -> dict[str, Any]:
    muting = [one for one, matchers in silenced if all_match(matchers, alert.matched)]
    return {**alert_told(alert), "silenced_by": muting}


def _position(cursor: str | None) -> tuple[datetime, str]:
    if cursor is None:
        return _END, ""
    at, key = decode_cursor(cursor, str, str)
    return decode_instant(at), str(key)


def reading(service: Service) -> list[Router]:
    """All that is read."""
    return [_alerts(service), _silences(service), _channels(service)]


def _alerts(service: Service) -> Router:
    router = Router(prefix="/alerts", tags=["alerts"])

    @router.get("", summary="Alerts, the one said last first", response_model=Page[AlertListed])
    async def list_alerts(
        _: Reader,
        *,
        limit: Limit = 100,
        cursor: Cursor = None,
        status: Literal["firing", "resolved"] | None = None,
        severity: Severity | None = None,
        name: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Any:
        level = severity.value if severity else None
        found = await alerts.page(
            service.db, _position(cursor), status=status, severity=level, name=name, limit=limit + 1
        )
        last = found[limit - 1] if len(found) > limit else None
        following = encode_cursor(last.last_at.isoformat(), last.fingerprint) if last else None
        silenced = await silences.in_force(service.db, service.clock.now())
        return page([_listed(one, silenced) for one in found[:limit]], following)

    @router.get(
        "/{alert_id}",
        summary="One alert, with who was told what of it",
        response_model=AlertWithNotifications,
    )
    async def one_alert(_: Reader, alert_id: Fingerprint) -> Any:
        found = await alerts.one(service.db, alert_id)
        if found is None:
            raise Problem(404, "There is no such alert.")
        told = await messages.of_alert(service.db, alert_id)
        silenced = await silences.in_force(service.db, service.clock.now())
        return {
            **_listed(found, silenced),
            "notifications": [dict(row) for row in told[: messages.NOTIFICATIONS_MAX]],
            "notifications_truncated": len(told) > messages.NOTIFICATIONS_MAX,
        }

    return router


def _silences(service: Service) -> Router:
    router = Router(prefix="/silences", tags=["silences"])

    @router.get(
        "", summary="Silences with why and until when, the newest first", response_model=Page[SilenceAnswer]
    )
    async def list_silences(
        _: Reader, *, limit: Limit = 100, cursor: Cursor = None, ended: bool = False
    ) -> Any:
        at, key = _position(cursor)
        try:
            before = at, UUID(key) if key else _LAST_ID
        except ValueError:
            raise bad_cursor() from None
        now = service.clock.now()
        rows = await silences.page(service.db, before, now, ended_too=ended, limit=limit + 1)
        items = [dict(row) for row in rows[:limit]]
        last = items[-1] if len(rows) > limit else None
        following = encode_cursor(last["created_at"].isoformat(), str(last["silence_id"])) if last else None
        return page(items, following)

    return router


def _channels(service: Service) -> Router:
    router = Router(prefix="/channels", tags=["channels"])

    @router.get("", summary="Each channel: when it last took something, since when it fails, what waits")
    async def list_channels(_: Reader) -> Any:
        known = {row["name"]: dict(row) for row in await channels.every(service.db)}
        waiting = await messages.waiting(service.db)
        untried = {
            "last_sent_at": None,
            "last_tried_at": None,
            "failures": 0,
            "failing_since": None,
            "error": None,
        }
        items = []
        for name in service.book.channels:
            count, oldest = waiting.get(name, (0, None))
            told = {"name": name, **untried, **known.get(name, {})}
            items.append({**told, "waiting": count, "oldest_waiting_due_at": oldest})
        return page(items)

    @router.get("/recipients", summary="Who may be notified, and since when they agree; without addresses")
    async def list_recipients(_: Minding) -> Any:
        items = [
            {
                "name": one.name,
                "channels": sorted(one.addresses),
                "notified": one.consents,
                "consented_at": one.consented_at,
                "consented_by": one.consented_by,
                "withdrawn_at": one.withdrawn_at,
            }
            for one in service.book.recipients.values()
        ]
        recorded = await consents.history(service.db)
        return {
            **page(items),
            "history": [dict(row) for row in recorded[: consents.HISTORY_MAX]],
            "history_truncated": len(recorded) > consents.HISTORY_MAX,
        }

    return router
