"""What retention answers over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Json

from clawback_common.postgres.pool import Row
from clawback_contracts.envelope import ArticleId
from clawback_contracts.sweep.v1 import Action, Archive, TableSize
from retention.domain.hold import State
from retention.domain.policy import Policy
from retention.domain.sweep import Sweep

SweepState = Literal["requested", "done", "attention"]


class PolicyAnswer(BaseModel):
    """How long a class of data is kept, by whom, and why."""

    data_class: str
    description: str
    basis: str
    """Why so long: the law, the licence, the need."""
    age: str
    action: Action
    owners: list[str]
    before: datetime
    """What dates from before this instant is to be deleted."""
    last_swept_at: datetime | None
    holds_in_force: int

    @classmethod
    def of(cls, policy: Policy, now: datetime, last_swept_at: datetime | None, holds: int) -> Self:
        """From the policy, and what is known of its class."""
        return cls(
            data_class=policy.data_class,
            description=policy.description,
            basis=policy.basis,
            age=str(policy.age),
            action=policy.action,
            owners=list(policy.owners),
            before=policy.before(now),
            last_swept_at=last_swept_at,
            holds_in_force=holds,
        )


class AnswerBrief(BaseModel):
    """What an owner answered to a sweep: how many records."""

    owner: str
    outcome: Literal["completed", "failed"]
    found: int
    """Older than the limit."""
    removed: int
    archived: int
    held: int
    """Spared for a hold."""
    kept: int
    """Rows without content that are kept for longer."""


class AnswerDetail(AnswerBrief):
    """All that an owner answered to a sweep."""

    attempt: int
    started_at: datetime
    ended_at: datetime
    archives: Json[list[Archive]]
    tables: Json[list[TableSize]]
    """For vacuum, analyze and reindex."""
    error: str | None
    received_at: datetime


class SweepRecorded(BaseModel):
    """A sweep, and how far it is."""

    sweep_id: UUID
    data_class: str
    action: Action
    owners: list[str]
    """Who must answer."""
    before: datetime | None
    dry_run: bool
    cause: str
    requested_at: datetime
    requested_by: str
    attempt: int
    """How often it was sent."""
    hold_ids: list[UUID]
    """The holds that it named."""
    state: SweepState
    sent_at: datetime
    next_send_at: datetime | None
    closed_at: datetime | None


class SweepListed(SweepRecorded):
    """A sweep with what its owners answered, in brief."""

    answers: list[AnswerBrief]

    @classmethod
    def of(cls, row: Row, answers: Sequence[Row]) -> Self:
        """From its row, and those of the answers to it."""
        return cls.model_validate({**row, "answers": [dict(answer) for answer in answers]})


class SweepDetail(SweepRecorded):
    """One sweep with all that its owners answered."""

    answers: list[AnswerDetail]
    silent: list[str]
    """Owners that have not answered."""

    @classmethod
    def of(cls, row: Row, answers: Sequence[Row]) -> Self:
        """From its row, and those of the answers to it."""
        silent = sorted(set(row["owners"]) - {answer["owner"] for answer in answers})
        return cls.model_validate({**row, "answers": [dict(one) for one in answers], "silent": silent})


class SweepAsked(BaseModel):
    """A sweep that its owners are asked for."""

    sweep_id: UUID
    data_class: str
    action: Action
    owners: list[str]
    before: datetime | None
    dry_run: bool
    state: Literal["requested"] = "requested"


class SweepsAsked(BaseModel):
    """Sweeps, one for each class."""

    sweeps: list[SweepAsked]

    @classmethod
    def of(cls, asked: Sequence[Sweep]) -> Self:
        """From what was requested."""
        return cls(
            sweeps=[
                SweepAsked(
                    sweep_id=sweep.sweep_id,
                    data_class=sweep.data_class,
                    action=sweep.action,
                    owners=list(sweep.owners),
                    before=sweep.before,
                    dry_run=sweep.dry_run,
                )
                for sweep in asked
            ]
        )


class HoldListed(BaseModel):
    """A legal hold, without the ids that it names."""

    hold_id: UUID
    data_class: str
    articles: int
    """How many ids it names; 0: a span of time, or everything."""
    dated_from: datetime | None
    dated_until: datetime | None
    """Not included."""
    reason: str
    state: State
    placed_by: str
    placed_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    lift_asked_by: str | None
    lift_asked_at: datetime | None
    lift_reason: str | None
    ended_by: str | None
    ended_at: datetime | None


class HoldChange(BaseModel):
    """What was done to a hold, and by whom."""

    changed_at: datetime
    changed_by: str
    change: str
    note: str


class HoldDetail(HoldListed):
    """One hold with its ids and its history."""

    article_ids: list[ArticleId]
    history: list[HoldChange]
    """The oldest first."""


class SweepUnderWay(BaseModel):
    """A sweep that may have begun before the hold."""

    sweep_id: UUID
    requested_at: datetime
    owners: list[str]

    @classmethod
    def of(cls, sweep: Sweep) -> Self:
        """From the sweep."""
        return cls(sweep_id=sweep.sweep_id, requested_at=sweep.requested_at, owners=list(sweep.owners))


class HoldPlaced(HoldDetail):
    """A hold that protects from now on, and waits for a second person."""

    confirm: str
    """The path at which a second person confirms it."""
    sweeps_under_way: list[SweepUnderWay]
    article_ids_not_held: list[ArticleId] | None
    """Those of the ids under which the ingester holds nothing; null: it names none, or the ingester does not answer."""
    warning: str | None
    """What such sweeps, or ids, mean for the hold."""
