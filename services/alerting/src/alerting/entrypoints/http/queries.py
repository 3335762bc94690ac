"""The read endpoints: alerts, silences, channels."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Path, Query

from alerting.domain.alert import Alert
from alerting.domain.matcher import Matcher, all_match
from alerting.entrypoints.http.callers import Reader, Responder
from alerting.entrypoints.http.schemas import (
    AlertListed,
    AlertWithNotifications,
    ChannelAnswer,
    ConsentAnswer,
    NotificationAnswer,
    RecipientAnswer,
    Recipients,
    SilenceAnswer,
)
from alerting.storage import alerts, channels, consents, messages, silences
from alerting.use_cases.service import Service
from clawback_common.http.paging import Cursor, Keyset, Limit, Page, newest_first
from clawback_common.http.problem import existing
from clawback_common.http.routing import Router
from clawback_contracts.alert.v1 import Severity

ALERTS = Keyset(last_at=datetime.max.replace(tzinfo=UTC), fingerprint="")
SILENCES = newest_first("created_at", "silence_id")
NO_ALERT = "There is no such alert."
Fingerprint = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]


def _muting(alert: Alert, silenced: Sequence[tuple[UUID, Sequence[Matcher]]]) -> list[UUID]:
    return [one for one, matchers in silenced if all_match(matchers, alert.matched)]


def queries(service: Service) -> list[Router]:
    """Returns the routers of all reads."""
    return [_alerts(service), _silences(service), _channels(service)]


def _alerts(service: Service) -> Router:
    router = Router(prefix="/alerts", tags=["alerts"])

    @router.get("", summary="Alerts, the latest raised first")
    async def list_alerts(
        _: Reader,
        *,
        limit: Limit = 100,
        cursor: Cursor = None,
        status: Literal["firing", "resolved"] | None = None,
        severity: Severity | None = None,
        name: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Page[AlertListed]:
        level = severity.value if severity else None
        found = await alerts.page(
            service.db, ALERTS.after(cursor), status=status, severity=level, name=name, limit=limit + 1
        )
        silenced = await silences.in_force(service.db, service.clock.now())
        return ALERTS.page(
            found, limit, lambda one: AlertListed.of(one, silenced_by=_muting(one, silenced)), getattr
        )

    @router.get("/{alert_id}", summary="One alert, with its notifications")
    async def one_alert(_: Reader, alert_id: Fingerprint) -> AlertWithNotifications:
        found = existing(await alerts.one(service.db, alert_id), NO_ALERT)
        notifications = await messages.of_alert(service.db, alert_id)
        silenced = await silences.in_force(service.db, service.clock.now())
        return AlertWithNotifications.of(
            found,
            silenced_by=_muting(found, silenced),
            notifications=[
                NotificationAnswer.model_validate(dict(row))
                for row in notifications[: messages.NOTIFICATIONS_MAX]
            ],
            notifications_truncated=len(notifications) > messages.NOTIFICATIONS_MAX,
        )

    return router


def _silences(service: Service) -> Router:
    router = Router(prefix="/silences", tags=["silences"])

    @router.get("", summary="Silences with reason and end, newest first")
    async def list_silences(
        _: Reader, *, limit: Limit = 100, cursor: Cursor = None, ended: bool = False
    ) -> Page[SilenceAnswer]:
        rows = await silences.page(
            service.db, SILENCES.after(cursor), service.clock.now(), ended_too=ended, limit=limit + 1
        )
        return SILENCES.page(rows, limit, lambda row: SilenceAnswer.model_validate(dict(row)))

    return router


def _channels(service: Service) -> Router:
    router = Router(prefix="/channels", tags=["channels"])

    @router.get("", summary="Each channel: its last success, since when it fails, and how many messages wait")
    async def list_channels(_: Reader) -> Page[ChannelAnswer]:
        known = {row["name"]: dict(row) for row in await channels.every(service.db)}
        waiting = await messages.waiting(service.db)
        return Page(
            items=[
                _channel(name, known.get(name, {}), *waiting.get(name, (0, None)))
                for name in service.routing.channels
            ]
        )

    @router.get("/recipients", summary="Recipients and their consent; without addresses")
    async def list_recipients(_: Responder) -> Recipients:
        items = [
            RecipientAnswer(
                name=one.name,
                channels=sorted(one.addresses),
                notified=one.consents,
                consented_at=one.consented_at,
                consented_by=one.consented_by,
                withdrawn_at=one.withdrawn_at,
            )
            for one in service.routing.recipients.values()
        ]
        recorded = await consents.history(service.db)
        return Recipients(
            items=items,
            history=[ConsentAnswer.model_validate(dict(row)) for row in recorded[: consents.HISTORY_MAX]],
            history_truncated=len(recorded) > consents.HISTORY_MAX,
        )

    return router


def _channel(
    name: str, known: Mapping[str, object], waiting: int, oldest_at: datetime | None
) -> ChannelAnswer:
    """One channel; a channel that was never tried has no failures."""
    untried = dict.fromkeys(("last_sent_at", "last_tried_at", "failing_since", "error"))
    tried = {"name": name, **untried, "failures": 0, **known}
    return ChannelAnswer.model_validate({**tried, "waiting": waiting, "oldest_waiting_due_at": oldest_at})
