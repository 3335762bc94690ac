"""How far a notice is, as its sender may ask."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from compliance.domain.order import Kind


class NoticeState(StrEnum):
    """How far a notice is. In the order of progress, but for the last."""

    UNKNOWN = "unknown"
    """No notice of this id has come from the caller."""
    ACCEPTED = "accepted"
    """Recorded; a second person must decide. The article is withheld until then."""
    STORED = "stored"
    """Its order is issued, and on its way to the holders."""
    PUBLISHED = "published"
    """Its order is on revocations.v1."""
    REFUSED = "refused"


class RecordedNotice(NamedTuple):
    """A notice on one article, the order that it got, and the request that it belongs to."""

    notice_id: UUID
    article_id: str
    noticed_by: str
    received_at: datetime
    request_id: UUID | None
    request_refused: bool
    order_kind: Kind
    order_no: int
    revocation_id: UUID
    order_sent: bool
    """The broker has confirmed its order."""
    closed_at: datetime | None
    """When every holder had answered."""

    @property
    def state(self) -> NoticeState:
        """How far it is. An order that only withholds the article waits for a decision."""
        if self.request_refused:
            return NoticeState.REFUSED
        if self.order_kind is Kind.WITHHELD:
            return NoticeState.ACCEPTED
        return NoticeState.PUBLISHED if self.order_sent else NoticeState.STORED


_PROGRESS = (NoticeState.ACCEPTED, NoticeState.STORED, NoticeState.PUBLISHED, NoticeState.REFUSED)


def state_of_all(notices: Iterable[RecordedNotice]) -> NoticeState:
    """How far those are that are furthest behind."""
    found = {one.state for one in notices}
    return next((state for state in _PROGRESS if state in found), NoticeState.UNKNOWN)
