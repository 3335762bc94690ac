"""Revocation notices: who revokes an article, since when, and from when the deadline runs."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import UUID

from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.v1 import Reason, RevocationNoticed

OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
"""A revocation time before this is a provider's null value, not a time."""


NoticeKey: TypeAlias = tuple[UUID, str]
"""A notice is identified by its id and its article: a sender chooses the id, and must not replace another notice."""


INGESTER = "ingester"
UNAUTHENTICATED = "unauthenticated"
"""The subject of every record without a valid signature of a known key."""


BY_TOPIC = "kafka:"
"""The prefix of the sender's name for notices that were sent as Kafka records; feed names contain no colon."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of a record, as far as its signature proves it."""

    subject: str
    speaks_for_feeds: bool = False
    """True for the ingester, which alone reads providers' feeds."""
    any_provider: bool = False
    providers: Collection[str] = ()

    def may_revoke(self, article_id: str) -> bool:
        """Returns whether the sender may revoke articles of this provider."""
        return self.any_provider or article_id.partition(":")[0] in self.providers


FEEDS = Sender(INGESTER, speaks_for_feeds=True)
UNKNOWN_SENDER = Sender(UNAUTHENTICATED)


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice from any source."""

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
    """The subject whose approval limit it uses; None: a provider's feed, which has no limit."""
    allowed: bool = True
    """False: the sender is unknown or must not revoke this provider's articles. Alone, the notice only withholds."""
    request_id: UUID | None = None
    """The request that the notice belongs to."""

    @property
    def key(self) -> NoticeKey:
        """Returns the identity of the notice."""
        return self.notice_id, self.article_id

    @property
    def authority(self) -> int:
        """Returns the rank among notices of one identity: a feed, then a sender who may revoke the article."""
        return 2 if self.subject is None else int(self.allowed)

    def outranks(self, recorded_by: str, *, withholds: bool) -> bool:
        """Returns whether this notice replaces the one recorded under its identity, from a sender with less authority.

        Args:
            recorded_by: The recorded sender; unknown if the order was recovered from the topic.
            withholds: The recorded order only withholds the article; an order for a feed's notice never does.
        """
        if recorded_by == self.noticed_by:
            return False
        if self.subject is None:
            return withholds or recorded_by.startswith(BY_TOPIC)
        return self.allowed and recorded_by == BY_TOPIC + UNAUTHENTICATED

    @classmethod
    def of(cls, event: RevocationNoticed, traceparent: str | None, sender: Sender) -> "Notice":
        """Creates a notice from an event. Only the ingester may name feeds and polls."""
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
    """Returns the start of the deadline: the earliest time at which the revocation can have happened.

    This is the provider's time if it gives a plausible one, else the last complete poll before, else the time of the
    notice. A time in the future does not count: a sender's wrong clock must not postpone a deadline.
    """
    noticed_at = min(notice.noticed_at, now)
    for candidate in (notice.revoked_at, notice.earliest_at):
        if candidate is not None and OLDEST <= candidate <= noticed_at:
            return candidate
    return max(noticed_at, OLDEST)


def authoritative(notices: Sequence[Notice]) -> list[Notice]:
    """Returns the notices without those that another notice of the same identity, with more authority, replaces."""
    highest: dict[NoticeKey, int] = {}
    for one in notices:
        highest[one.key] = max(one.authority, highest.get(one.key, 0))
    return [one for one in notices if one.authority == highest[one.key]]


def lost_notice(article_id: str, order_no: int, holder: str, answered_at: datetime) -> Notice:
    """Returns a substitute for the notices of an order that only a store of ours knows; their content is lost."""
    return Notice(
        notice_id=event_id("forgotten_order", article_id, order_no),
        article_id=article_id,
        reason=Reason.MANUAL,
        noticed_by=f"the answer of {holder} to a lost order",
        noticed_at=answered_at,
    )


def repeated_ids(notices: Iterable[Notice]) -> list[NoticeKey]:
    """Returns the notices whose id an earlier one of them uses for another article."""
    first: dict[UUID, str] = {}
    return [one.key for one in notices if first.setdefault(one.notice_id, one.article_id) != one.article_id]
