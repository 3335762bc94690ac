"""Responses about the compliance status."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Json

from clawback_common.alerts import alert_state
from clawback_common.messaging import incidents
from clawback_common.postgres.pool import Row
from clawback_contracts.alert.v1 import Severity
from clawback_contracts.envelope import ArticleId
from compliance.domain import condition
from compliance.domain.condition import RunState, Status
from compliance.domain.obligation import State
from compliance.entrypoints.http.run_schemas import RunAnswer
from compliance.storage import obligations, revocations, runs
from compliance.storage.obligations import StateCount
from compliance.use_cases.service import Service


class ReasonAnswer(BaseModel):
    """One reason for the status."""

    code: str
    figure: int
    """The number of items that the code names; for `run_overdue` a number of hours."""
    to_do: str


class RunsStatus(BaseModel):
    """Whether the daily check runs."""

    state: RunState
    last_completed_at: datetime | None
    failed_in_a_row: int
    """Failed runs since the last completed one; counts to at most 1,000."""
    last: RunAnswer | None
    """The last run that ended, with any outcome."""


class OrderCounts(BaseModel):
    """The number of orders: exact while there are few, then estimated; open ones are always exact."""

    revoked: int
    reinstated: int
    withheld: int
    open: int
    backlog: int


class ObligationCounts(BaseModel):
    """The number of obligations in each state; states without any are omitted."""

    prompt: dict[State, int]
    """Of prompt holders."""
    by_time: dict[State, int]
    """Of holders of the kind `expiry`."""

    @classmethod
    def of(cls, counted: Sequence[StateCount]) -> Self:
        """Creates it from the counts."""
        prompt = {State(one.state): one.obligations for one in counted if not one.by_time}
        return cls(
            prompt=prompt, by_time={State(one.state): one.obligations for one in counted if one.by_time}
        )


class LateHolder(BaseModel):
    """A holder that is late or at risk."""

    holder: str
    overdue: int
    at_risk: int


class AlertRaised(BaseModel):
    """An alert of compliance that is not resolved."""

    fingerprint: str
    name: str
    labels: Json[dict[str, str]]
    severity: Severity
    summary: str
    raised_at: datetime
    sent_at: datetime


class StatusAnswer(BaseModel):
    """The compliance status."""

    status: Status
    reasons: list[ReasonAnswer]
    """Every reason against `compliant`, the most severe first."""
    mock: bool
    """True: these results are not evidence."""
    as_of: datetime
    deadline_h: float
    runs: RunsStatus
    orders: OrderCounts
    obligations: ObligationCounts
    overdue: int
    at_risk: int
    late_holders: list[LateHolder]
    open_incidents: int
    alerts: list[AlertRaised]
    """At most 500."""
    alerts_truncated: bool


class OverdueListed(BaseModel):
    """An obligation past its due date."""

    revocation_id: UUID
    holder: str
    article_id: ArticleId
    order_no: int
    state: State
    due_at: datetime
    late_s: int
    attempts: int
    """The last attempt that the holder answered."""
    sendings: int
    """How often the order was sent."""
    notified_at: datetime | None
    removed_at: datetime | None
    reopened: int
    backlog: bool

    @classmethod
    def of(cls, row: Row, now: datetime) -> Self:
        """Creates it from its row."""
        return cls.model_validate({**row, "late_s": round((now - row["due_at"]).total_seconds())})


class HistoryDay(BaseModel):
    """Orders that were issued on one day, in UTC."""

    day: datetime
    """The start of the day."""
    revoked: int
    reinstated: int
    closed: int
    late: int


async def status_now(service: Service) -> StatusAnswer:
    """Returns the current status; a state that was never checked is unknown."""
    now = service.clock.now()
    late = await obligations.lateness(service.db, now)
    run = await _runs(service, now)
    waiting = await incidents.open_count(service.db)
    overdue = sum(one.overdue for one in late)
    figures = condition.ComplianceState(run.last_completed_at, run.failed_in_a_row, overdue, waiting)
    found = condition.reasons(figures, now)
    raised = await alert_state.raised(service.db)
    return StatusAnswer(
        status=condition.overall(found),
        reasons=[ReasonAnswer(**asdict(one)) for one in found],
        mock=service.settings.mock,
        as_of=now,
        deadline_h=service.settings.takedown_deadline_h,
        runs=run,
        orders=OrderCounts(**await revocations.counts(service.db)),
        obligations=ObligationCounts.of(await obligations.counts(service.db)),
        overdue=overdue,
        at_risk=sum(one.at_risk for one in late),
        late_holders=[LateHolder(**asdict(one)) for one in late],
        open_incidents=waiting,
        alerts=[AlertRaised.model_validate(dict(row)) for row in raised[: alert_state.RAISED_MAX]],
        alerts_truncated=len(raised) > alert_state.RAISED_MAX,
    )


async def _runs(service: Service, now: datetime) -> RunsStatus:
    completed_at = await runs.last_completed(service.db)
    last = await runs.last(service.db)
    return RunsStatus(
        state=condition.run_state(completed_at, now),
        last_completed_at=completed_at,
        failed_in_a_row=await runs.failed_in_a_row(service.db),
        last=RunAnswer.model_validate(dict(last)) if last else None,
    )
