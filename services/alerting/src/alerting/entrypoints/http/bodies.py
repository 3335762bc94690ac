"""The request bodies of people and of Alertmanager."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, Field, ValidationError, field_validator

from alerting.domain.alert import AlertEvent, Raised, Resolved, one_line
from alerting.domain.matcher import LENGTH_MAX, Matcher, may_match_critical, names_an_alert
from clawback_common.http.problem import Problem, field_error, invalid
from clawback_contracts.alert.v1 import Severity, fingerprint

ALERTMANAGER = "alertmanager"
ALERTS_MAX = 1_000
SILENCE_MAX = timedelta(days=31)
WIDE_SILENCE_MAX = timedelta(days=1)
"""The maximum duration of a silence that may mute critical alerts of any name."""
_NAME = re.compile(r"[A-Z][A-Za-z0-9]{2,99}")
_SEVERITIES = {"page": Severity.CRITICAL, "error": Severity.CRITICAL, "none": Severity.INFO}

Label = Annotated[str, Field(max_length=200)]


class AckBody(BaseModel, extra="forbid"):
    """Why no more reminders are needed."""

    note: str | None = Field(None, min_length=3, max_length=500)


class SilenceBody(BaseModel, extra="forbid"):
    """What to mute, how long, and why."""

    matchers: list[Annotated[str, Field(max_length=LENGTH_MAX)]] = Field(min_length=1, max_length=20)
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime
    comment: str = Field(min_length=3, max_length=500)

    @field_validator("matchers")
    @classmethod
    def _is_valid(cls, written: list[str]) -> list[str]:
        for one in written:
            Matcher.parse(one)
        return written

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """Returns the start and the end of the silence.

        Raises:
            Problem: 422, it would end before it starts, or last too long.
        """
        starts_at = max(self.starts_at or now, now)
        parsed = [Matcher.parse(one) for one in self.matchers]
        wide = may_match_critical(parsed) and not names_an_alert(parsed)
        longest = WIDE_SILENCE_MAX if wide else SILENCE_MAX
        if not starts_at < self.ends_at <= now + longest:
            words = (
                f"a silence ends after it starts, and within {longest.days} day(s); one that may mute critical"
                " alerts of any name within 1 day"
            )
            raise Problem(422, "The period is not valid.", errors=[field_error("ends_at", "span", words)])
        return starts_at, self.ends_at


class AmAlert(BaseModel):
    """One alert of Alertmanager's webhook."""

    status: Literal["firing", "resolved"]
    labels: dict[Annotated[str, Field(max_length=100)], Label] = Field(max_length=64)
    annotations: dict[str, str] = Field(default_factory=dict)
    starts_at: AwareDatetime = Field(alias="startsAt")
    ends_at: AwareDatetime | None = Field(None, alias="endsAt")

    @field_validator("labels")
    @classmethod
    def _has_name(cls, labels: dict[str, str]) -> dict[str, str]:
        if not _NAME.fullmatch(labels.get("alertname", "")):
            raise ValueError("alertname is missing or is not a CamelCase name")
        return labels

    def event(self, now: datetime) -> AlertEvent:
        """Converts it to an event.

        Alertmanager repeats firing alerts: each repeat is raised now and began at `startsAt`.
        """
        name, level = self.labels["alertname"], self.labels.get("severity", "")
        own = {
            one_line(k, 100): one_line(v, 200)
            for k, v in self.labels.items()
            if k not in {"alertname", "severity"}
        }
        if self.status == "resolved":
            return Resolved(fingerprint(ALERTMANAGER, name, own), now)
        notes = self.annotations
        words = notes.get("summary") or notes.get("description") or notes.get("message") or f"{name} fires."
        return Raised(
            name,
            ALERTMANAGER,
            Severity(level) if level in set(Severity) else _SEVERITIES.get(level, Severity.WARNING),
            one_line(words),
            now,
            own,
            since=min(self.starts_at, now),
        )


class AmBody(BaseModel):
    """The webhook's body, version 4; its alerts are validated one by one."""

    version: Literal["4"]
    group_key: str = Field(alias="groupKey", max_length=10_000)
    status: Literal["firing", "resolved"]
    alerts: list[Any] = Field(min_length=1, max_length=ALERTS_MAX)

    @classmethod
    def read(cls, given: object) -> Self:
        """Validates the body.

        Raises:
            Problem: 422, naming each invalid field.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise invalid(error.errors(), skip=0) from None

    def read_alerts(self, now: datetime) -> tuple[list[AlertEvent], list[dict[str, Any]]]:
        """Validates the alerts.

        Returns:
            The events of the valid alerts, and the index and errors of each invalid one.
        """
        events: list[AlertEvent] = []
        refused: list[dict[str, Any]] = []
        for index, one in enumerate(self.alerts):
            try:
                events.append(AmAlert.model_validate(one).event(now))
            except ValidationError as error:
                problem = invalid(error.errors(), skip=0)
                refused.append({"index": index, "errors": [_below(index, e) for e in problem.errors]})
        return events, refused


def _below(index: int, error: Any) -> dict[str, str]:
    where = f"alerts[{index}]"
    path = f"{where}.{error['path']}" if error["path"] else where
    return field_error(path, error["code"], error["message"])
