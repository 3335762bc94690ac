"""The start of a notice's clock."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from clawback_contracts.revocation.v1 import Reason, RevocationNoticed
from compliance.domain.notice import FEEDS, Notice, clock_start

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _notice(
    noticed_at: datetime = NOW, revoked_at: datetime | None = None, earliest_at: datetime | None = None
) -> Notice:
    return Notice(uuid4(), "metabase:1", Reason.LICENSOR, "feed", noticed_at, revoked_at, earliest_at)


def test_the_clock_starts_at_the_providers_revocation_time() -> None:
    notice = _notice(revoked_at=NOW - 3 * HOUR, earliest_at=NOW - 5 * HOUR)
    assert clock_start(notice, NOW) == NOW - 3 * HOUR


def test_without_a_revocation_time_the_clock_starts_at_the_last_complete_poll_before() -> None:
    assert clock_start(_notice(earliest_at=NOW - 5 * HOUR), NOW) == NOW - 5 * HOUR


def test_without_either_time_the_clock_starts_at_the_time_of_the_notice() -> None:
    assert clock_start(_notice(noticed_at=NOW - HOUR), NOW) == NOW - HOUR


def test_a_revocation_time_in_the_future_does_not_delay_the_clock() -> None:
    notice = _notice(revoked_at=NOW + HOUR)
    assert clock_start(notice, NOW) == NOW
    assert notice.revoked_at == NOW + HOUR


def test_a_senders_clock_that_is_ahead_does_not_delay_the_clock() -> None:
    assert clock_start(_notice(noticed_at=NOW + 100 * HOUR), NOW) == NOW


def test_a_null_date_of_the_provider_is_ignored() -> None:
    notice = _notice(revoked_at=datetime(1970, 1, 1, tzinfo=UTC), earliest_at=NOW - HOUR)
    assert clock_start(notice, NOW) == NOW - HOUR


def test_an_event_becomes_a_notice_with_its_trace() -> None:
    event = RevocationNoticed(
        notice_id=uuid4(),
        article_id="metabase:1",
        reason=Reason.ERASURE_REQUEST,
        noticed_by="officer",
        noticed_at=NOW,
        poll_id=uuid4(),
    )
    notice = Notice.of(event, "00-trace", FEEDS)
    assert (notice.notice_id, notice.poll_id, notice.reason, notice.traceparent) == (
        event.notice_id,
        event.poll_id,
        Reason.ERASURE_REQUEST,
        "00-trace",
    )
