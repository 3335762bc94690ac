"""The progress of a notice, as its sender can query it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from compliance.domain.order import Kind


class NoticeState(StrEnum):
    """The progress of a notice: the states are in order of progress, except the last."""

    UNKNOWN = "unknown"
    """The caller sent no notice with this id."""
    ACCEPTED = "accepted"
    """Recorded; a second person must decide. The article is withheld until then."""
    STORED = "stored"
    """The order is issued and on its way to the holders."""
    PUBLISHED = "published"
    """The order is on revocations.v1."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RecordedNotice:
    """A recorded notice on one article, with its order and its request."""

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
    """The broker confirmed the order."""
    closed_at: datetime | None
    """When every holder had answered."""

    @property
    def state(self) -> NoticeState:
        """Returns the state. A notice whose order only withholds the article waits for a decision."""
        if self.request_refused:
            return NoticeState.REFUSED
        if self.order_kind is Kind.WITHHELD:
            return NoticeState.ACCEPTED
        return NoticeState.PUBLISHED if self.order_sent else NoticeState.STORED


_PROGRESS = (NoticeState.ACCEPTED, NoticeState.STORED, NoticeState.PUBLISHED, NoticeState.REFUSED)


def state_of_all(notices: Iterable[RecordedNotice]) -> NoticeState:
    """Returns the state of the notice that is furthest behind."""
    found = {one.state for one in notices}
    return next((state for state in _PROGRESS if state in found), NoticeState.UNKNOWN)
