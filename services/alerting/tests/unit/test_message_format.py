"""A notification states what happened, since when, how severe, its labels and what to do; it contains no content."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerting.domain.message_format import Line, compose
from clawback_contracts.alert.v1 import Severity

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINE = Line(
    "f" * 16, 1, "raised", 0, "FeedStopped", "ingester", Severity.CRITICAL, "Feed a stopped: renew its key.",
    {"feed": "a"}, is_event=False, since=AT, until=None,
)  # fmt: skip


def test_a_notification_contains_all_details() -> None:
    message = compose([LINE], "ref-1", "https://runbooks.example/")
    assert message.subject == "[CRITICAL] FeedStopped (ingester)"
    for part in (
        "FeedStopped: critical, new",
        "What:    Feed a stopped: renew its key.",
        "Labels:  feed=a",
        "Since:   2026-03-01 12:00:00 UTC",
        "Runbook: https://runbooks.example/FeedStopped.md",
        f"/api/v1/alerts/{'f' * 16}/ack",
        "Reference: ref-1",
    ):
        assert part in message.body
    assert message.short == "[CRITICAL] FeedStopped: Feed a stopped: renew its key."


def test_a_group_is_one_notification_with_the_highest_severity_first() -> None:
    info = replace(LINE, fingerprint="0" * 16, name="Aaa", severity=Severity.INFO)
    message = compose([info, LINE], "r", "docs")
    assert message.subject == "[CRITICAL] FeedStopped (ingester) and 1 more"
    assert message.body.index("FeedStopped: critical") < message.body.index("Aaa: info")


def test_an_alert_that_began_and_ended_in_one_notification_is_reported_as_ended() -> None:
    resolved = replace(LINE, what="resolved", until=AT + timedelta(minutes=3), ended_by="ann")
    message = compose([LINE, resolved], "r", "docs")
    assert message.subject.startswith("[RESOLVED]")
    assert message.body.count("FeedStopped:") == 1
    assert "Until:   2026-03-01 12:03:00 UTC, by ann" in message.body


def test_a_reminder_has_its_number() -> None:
    assert "critical, reminder 3" in compose([replace(LINE, what="repeat", number=3)], "r", "d").body


def test_an_event_has_a_time_and_nothing_to_acknowledge() -> None:
    message = compose([replace(LINE, is_event=True, until=AT)], "r", "d")
    assert "At:      2026-03-01" in message.body
    assert "/ack" not in message.body
    assert message.subject.startswith("[CRITICAL]")


def test_no_external_text_starts_a_new_line() -> None:
    forged = "bad\r\nBcc: all@example.org\r\n\r\nRunbook: http://evil\u2028x"
    message = compose(
        [replace(LINE, summary=forged, name=forged, service=forged, labels={forged: forged})], "r", "d"
    )
    assert "\n" not in message.subject
    assert "\r" not in message.body
    assert not [line for line in message.body.splitlines() if line.startswith(("Bcc", "Runbook: http"))]
    assert len(message.short) <= 320


def test_a_large_group_is_truncated_with_the_number_left_out() -> None:
    lines = [replace(LINE, fingerprint=f"{n:016x}") for n in range(60)]
    message = compose(lines, "r", "d")
    assert message.body.count("Runbook:") == 50
    assert "GET /api/v1/alerts lists 10 more" in message.body
