"""The responses of retention's API."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Json

from clawback_common.postgres.pool import Row
from clawback_contracts.envelope import ArticleId
from clawback_contracts.sweep.v1 import Action, Archive, TableSize
from retention.domain.hold import State
from retention.domain.policy import Policy

SweepState = Literal["requested", "done", "attention"]


class PolicyAnswer(BaseModel):
    """How long a class of data is kept, by whom, and why."""

    data_class: str
    description: str
    basis: str
    """The reason for this age: the law, the licence, the need."""
    age: str
    action: Action
    owners: list[str]
    before: datetime
    """Data dated before this instant is to be deleted."""
    last_swept_at: datetime | None
    holds_in_force: int

    @classmethod
    def of(cls, policy: Policy, now: datetime, last_swept_at: datetime | None, holds: int) -> Self:
        """Converts a policy and the last sweep of its class."""
        counted = {"before": policy.before(now), "last_swept_at": last_swept_at, "holds_in_force": holds}
        return cls.model_validate({**asdict(policy), "age": str(policy.age), **counted})


class AnswerBrief(BaseModel):
    """The counts of an owner's answer to a sweep."""

    owner: str
    outcome: Literal["completed", "failed"]
    found: int
    """Records older than the limit."""
    removed: int
    archived: int
    held: int
    """Not deleted because of a hold."""
    kept: int
    """Rows without content that are kept longer."""


class AnswerDetail(AnswerBrief):
    """An owner's complete answer to a sweep."""

    attempt: int
    started_at: datetime
    ended_at: datetime
    archives: Json[list[Archive]]
    tables: Json[list[TableSize]]
    """For vacuum, analyze and reindex."""
    error: str | None
    received_at: datetime


class SweepRecorded(BaseModel):
    """A sweep and its state."""

    sweep_id: UUID
    data_class: str
    action: Action
    owners: list[str]
    """The owners that must answer."""
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
    """A sweep with the counts of its answers."""

    answers: list[AnswerBrief]

    @classmethod
    def of(cls, row: Row, answers: Sequence[Row]) -> Self:
        """Converts its row, and the rows of its answers."""
        return cls.model_validate({**row, "answers": [dict(answer) for answer in answers]})


class SweepDetail(SweepRecorded):
    """A sweep with its complete answers."""

    answers: list[AnswerDetail]
    silent: list[str]
    """Owners that have not answered."""

    @classmethod
    def of(cls, row: Row, answers: Sequence[Row]) -> Self:
        """Converts its row, and the rows of its answers."""
        silent = sorted(set(row["owners"]) - {answer["owner"] for answer in answers})
        return cls.model_validate({**row, "answers": [dict(one) for one in answers], "silent": silent})


class SweepAccepted(BaseModel):
    """A sweep that was requested from its owners."""

    sweep_id: UUID
    data_class: str
    action: Action
    owners: list[str]
    before: datetime | None
    dry_run: bool
    state: Literal["requested"] = "requested"


class SweepsAccepted(BaseModel):
    """The requested sweeps, one per class."""

    sweeps: list[SweepAccepted]


class HoldListed(BaseModel):
    """A legal hold, without the ids that it names."""

    hold_id: UUID
    data_class: str
    articles: int
    """How many ids it names; 0: a span of time, or everything."""
    dated_from: datetime | None
    dated_until: datetime | None
    """Exclusive."""
    reason: str
    state: State
    placed_by: str
    placed_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    lift_requested_by: str | None
    lift_requested_at: datetime | None
    lift_reason: str | None
    ended_by: str | None
    ended_at: datetime | None


class HoldChange(BaseModel):
    """A change of a hold, and who made it."""

    changed_at: datetime
    changed_by: str
    change: str
    note: str


class HoldDetail(HoldListed):
    """One hold with its ids and its history."""

    article_ids: list[ArticleId]
    history: list[HoldChange]
    """Oldest first."""


class SweepUnderWay(BaseModel):
    """A sweep that may have begun before the hold."""

    sweep_id: UUID
    requested_at: datetime
    owners: list[str]


class HoldPlaced(HoldDetail):
    """A hold that is in force now and waits for a second person."""

    confirm: str
    """The path at which a second person confirms it."""
    sweeps_under_way: list[SweepUnderWay]
    article_ids_not_held: list[ArticleId] | None
    """The ids for which the ingester holds no content; null: it names none, or the ingester does not answer."""
    warning: str | None
    """The consequences of running sweeps, or of unknown ids, for the hold."""
