"""The request bodies of retention's API."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from clawback_common.http.moments import AwareMoment
from clawback_contracts.envelope import ArticleId
from clawback_contracts.sweep.v1 import HELD_IDS_MAX
from retention.domain.hold import LegalHold, State

Reason = Annotated[str, Field(min_length=3, max_length=500)]


class HoldBody(BaseModel, extra="forbid"):
    """What is held, given in one of three ways, and why."""

    data_class: str = Field(max_length=50)
    article_ids: list[ArticleId] = Field(default_factory=list, max_length=HELD_IDS_MAX)
    dated_from: AwareMoment | None = None
    dated_until: AwareMoment | None = None
    """Exclusive."""
    everything: bool = False
    """The whole class. It must be requested explicitly; leaving out the other fields is not enough."""
    reason: Reason

    @model_validator(mode="after")
    def _one_way_of_naming(self) -> Self:
        span = self.dated_from is not None or self.dated_until is not None
        if [bool(self.article_ids), span, self.everything].count(True) != 1:
            raise ValueError("give article_ids, or dated_from and dated_until, or everything")
        if self.dated_from and self.dated_until and self.dated_from >= self.dated_until:
            raise ValueError("dated_from must be before dated_until")
        return self

    def hold(self, hold_id: UUID, placed_by: str) -> LegalHold:
        """Returns the requested hold."""
        return LegalHold(
            hold_id=hold_id,
            data_class=self.data_class,
            article_ids=tuple(dict.fromkeys(self.article_ids)),
            dated_from=self.dated_from,
            dated_until=self.dated_until,
            state=State.PLACED,
            placed_by=placed_by,
        )


class NoteBody(BaseModel, extra="forbid"):
    """The note of the second person."""

    note: str = Field("", max_length=500)


class SweepBody(BaseModel, extra="forbid"):
    """The class to sweep."""

    data_class: str | None = Field(None, max_length=50)
    """None: all classes."""
    dry_run: bool = False
    """Only count; delete nothing."""


class VacuumBody(BaseModel, extra="forbid"):
    """The classes whose tables are maintained, and how."""

    action: Literal["vacuum", "analyze", "reindex"] = "vacuum"
    classes: Annotated[list[str] | None, Field(min_length=1, max_length=50)] = None
    """None: all classes."""
    dry_run: bool = False
    """Only measure; change nothing."""
