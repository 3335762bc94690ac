"""Requests: acts on many articles, or by senders who may not act alone. A second person decides on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from clawback_contracts.envelope import event_id
from compliance.domain.notice import UNAUTHENTICATED, Notice

SLICE = 500
"""Orders in one transaction; others must not wait long for its rows."""
TOPIC_ARTICLES_MAX = 2_000
"""Articles in one request that is gathered from a topic: a person must be able to look through it."""


class RequestKind(StrEnum):
    """What is requested."""

    REVOKE = "revoke"
    REINSTATE = "reinstate"
    REMOVE_HOLDER = "remove_holder"


class RequestState(StrEnum):
    """How far a request is."""

    WAITING = "waits_for_confirmation"
    EXPIRED = "expired"
    """Nobody decided in time. What it withheld stays withheld; it can still be refused, and not confirmed."""
    CONFIRMED = "confirmed"
    """Or in need of no second person: it is being carried out."""
    ORDERED = "ordered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Request:
    """A request, as it is recorded."""

    request_id: UUID
    kind: RequestKind
    entry: str
    article_ids: tuple[str, ...]
    reason: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    needs_approval: bool = True
    holder: str | None = None
    revoked_at: datetime | None = None
    note: str | None = None
    body_sha256: bytes | None = None
    traceparent: str | None = None
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None
    refused_by: str | None = None
    refused_at: datetime | None = None
    withheld: int = 0
    carried_out: int = 0
    executed_at: datetime | None = None

    @property
    def decided(self) -> bool:
        """A second person has decided, or none has to."""
        return not self.needs_approval or self.confirmed_at is not None or self.refused_at is not None

    def notice(self, article_id: str) -> Notice:
        """Its notice on one article, whose identity follows from the request's."""
        return Notice(
            notice_id=event_id("notice", self.request_id, article_id),
            article_id=article_id,
            reason=self.reason,
            noticed_by=f"http:{self.made_by}",
            noticed_at=self.made_at,
            revoked_at=self.revoked_at,
            note=self.note,
            traceparent=self.traceparent,
            subject=self.made_by,
            request_id=self.request_id,
        )


def of_unknown_sender(made_by: str) -> bool:
    """Whether a request is gathered from records that nobody whom we know has signed."""
    return made_by == UNAUTHENTICATED


def state(row: Mapping[str, object], now: datetime) -> RequestState:
    """How far a request is.

    Args:
        row: with the times of its decision and its end.
        now: to see whether it has expired.
    """
    if row["refused_at"] is not None:
        return RequestState.REFUSED
    if row["executed_at"] is not None:
        return RequestState.ORDERED
    if row["confirmed_at"] is not None or not row["needs_approval"]:
        return RequestState.CONFIRMED
    expires_at = row["expires_at"]
    expired = isinstance(expires_at, datetime) and expires_at <= now
    return RequestState.EXPIRED if expired else RequestState.WAITING
