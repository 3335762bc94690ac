"""Requests: actions on many articles, or by senders who need approval. A second person decides on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from clawback_contracts.envelope import event_id
from compliance.domain.notice import UNAUTHENTICATED, Notice

SLICE = 500
"""Orders per transaction, so that other transactions do not wait long for its rows."""
TOPIC_ARTICLES_MAX = 2_000
"""Articles per request that is collected from a topic: a person must be able to review it."""


class RequestKind(StrEnum):
    """What is requested."""

    REVOKE = "revoke"
    REINSTATE = "reinstate"
    REMOVE_HOLDER = "remove_holder"


class RequestState(StrEnum):
    """The state of a request."""

    WAITING = "waits_for_confirmation"
    EXPIRED = "expired"
    """Nobody decided in time. The articles stay withheld; the request can still be refused, but not confirmed."""
    CONFIRMED = "confirmed"
    """Confirmed, or no second person was needed; it is being carried out."""
    ORDERED = "ordered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Request:
    """A recorded request."""

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
    executed: int = 0
    executed_at: datetime | None = None

    @property
    def decided(self) -> bool:
        """Returns whether a second person has decided, or none is needed."""
        return not self.needs_approval or self.confirmed_at is not None or self.refused_at is not None

    def notice(self, article_id: str) -> Notice:
        """Returns the notice on one article; its id is derived from the request's id."""
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
    """Returns whether the request is collected from records without a valid signature."""
    return made_by == UNAUTHENTICATED


def state(row: Mapping[str, object], now: datetime) -> RequestState:
    """Returns the state of a request.

    Args:
        row: The request's row, with the times of its decision and its end.
        now: The current time, to detect expiry.
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
