"""Notices: who says since when that an article may no longer be held, and from when its clock runs."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import UUID

from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.v1 import Reason, RevocationNoticed

OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
"""An older time of revocation is a provider's null, not a time."""


NoticeKey: TypeAlias = tuple[UUID, str]
"""A notice is identified by its id and its article: a sender chooses the id, and must not take another's place."""


INGESTER = "ingester"
UNAUTHENTICATED = "unauthenticated"
"""The subject of every record that nobody whom we know has signed."""


BY_TOPIC = "kafka:"
"""Begins the name of whoever sent a notice as a record of their own; feeds have no colon in their names."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a record, as far as its signature proves it."""

    subject: str
    speaks_for_feeds: bool = False
    """It is the ingester, which alone reads providers' feeds."""
    any_provider: bool = False
    providers: Collection[str] = ()

    def may_revoke(self, article_id: str) -> bool:
        """Whether it may have articles of this provider revoked."""
        return self.any_provider or article_id.partition(":")[0] in self.providers


FEEDS = Sender(INGESTER, speaks_for_feeds=True)
NOBODY = Sender(UNAUTHENTICATED)


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice, as it came by whichever door."""

    notice_id: UUID
    article_id: str
    reason: str
    noticed_by: str
    noticed_at: datetime
    revoked_at: datetime | None = None
    earliest_at: datetime | None = None
    poll_id: UUID | None = None
    note: str | None = None
    traceparent: str | None = None
    subject: str | None = None
    """Whose approval limit it counts for; None: a provider's own feed, which has none."""
    allowed: bool = True
    """False: its sender is unknown, or may not revoke this provider's articles. Alone, it withholds and no more."""
    request_id: UUID | None = None
    """The request that it belongs to."""

    @property
    def key(self) -> NoticeKey:
        """What identifies it."""
        return self.notice_id, self.article_id

    @property
    def authority(self) -> int:
        """Of two notices of one identity, which counts: a feed's, then one of somebody who may revoke the article."""
        return 2 if self.subject is None else int(self.allowed)

    def outranks(self, recorded_by: str, *, withholds: bool) -> bool:
        """Whether what is recorded under its identity is a record that somebody with less authority sent before.

        Args:
            recorded_by: who is recorded as its sender; that is lost where the order was recovered from our topic.
            withholds: the order that it got only withholds the article, which no notice of a feed does.
        """
        if recorded_by == self.noticed_by:
            return False
        if self.subject is None:
            return withholds or recorded_by.startswith(BY_TOPIC)
        return self.allowed and recorded_by == BY_TOPIC + UNAUTHENTICATED

    @classmethod
    def of(cls, event: RevocationNoticed, traceparent: str | None, sender: Sender) -> "Notice":
        """A notice that came as an event. Only the ingester is believed about feeds and polls."""
        trusted = sender.speaks_for_feeds
        return cls(
            notice_id=event.notice_id,
            article_id=event.article_id,
            reason=event.reason,
            noticed_by=event.noticed_by if trusted else BY_TOPIC + sender.subject,
            noticed_at=event.noticed_at,
            revoked_at=event.revoked_at,
            earliest_at=event.earliest_at if trusted else None,
            poll_id=event.poll_id if trusted else None,
            traceparent=traceparent,
            subject=None if trusted else sender.subject,
            allowed=trusted or sender.may_revoke(event.article_id),
        )


def clock_start(notice: Notice, now: datetime) -> datetime:
    """The instant from which the deadline runs: the earliest that the revocation can have been.

    The provider's own time where it gives one that can be true, else the last complete poll before, else the
    notice. None of them may lie in the future: a sender's wrong clock must not postpone a deadline.
    """
    noticed_at = min(notice.noticed_at, now)
    for said in (notice.revoked_at, notice.earliest_at):
        if said is not None and OLDEST <= said <= noticed_at:
            return said
    return max(noticed_at, OLDEST)


def authoritative(notices: Sequence[Notice]) -> list[Notice]:
    """The notices without those that somebody with less authority sent under the identity of another of them."""
    highest: dict[NoticeKey, int] = {}
    for one in notices:
        highest[one.key] = max(one.authority, highest.get(one.key, 0))
    return [one for one in notices if one.authority == highest[one.key]]


def forgotten(article_id: str, order_no: int, holder: str, answered_at: datetime) -> Notice:
    """Stands for the notices behind an order that only a store of ours knows; what they said is lost."""
    return Notice(
        notice_id=event_id("forgotten_order", article_id, order_no),
        article_id=article_id,
        reason=Reason.MANUAL,
        noticed_by=f"the answer of {holder} to a forgotten order",
        noticed_at=answered_at,
    )


def repeated_ids(notices: Iterable[Notice]) -> list[NoticeKey]:
    """Those of the notices whose id an earlier one of them has for another article."""
    first: dict[UUID, str] = {}
    return [one.key for one in notices if first.setdefault(one.notice_id, one.article_id) != one.article_id]
