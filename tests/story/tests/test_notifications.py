"""How mails and text messages in the sinks are read and listed."""

from pathlib import Path

import orjson

from clawback_story import notifications, operation_checkers

MAIL = b"""X-Envelope-From: alerts@clawback.example\r
X-Envelope-To: officer@clawback.example\r
Subject: [CRITICAL] ComplianceRunFailed (compliance)\r
X-Notification-Id: m-1\r
\r
ComplianceRunFailed: critical, new\r
"""
TEXT = {"to": "+15550100", "text": "[CRITICAL] ComplianceRunFailed: The run failed", "id": "s-1"}


def _sinks(run: Path) -> Path:
    (run / "mail").mkdir()
    (run / "sms").mkdir()
    (run / "mail" / "1793000000000000000-0.eml").write_bytes(MAIL)
    (run / "sms" / "1792999999000000000-0.json").write_bytes(orjson.dumps({"body": TEXT}))
    return run


def test_both_sinks_are_read_in_the_order_of_arrival(tmp_path: Path) -> None:
    sms, mail = notifications.read(_sinks(tmp_path))
    assert (sms.by, sms.to, sms.subject, sms.reference) == (
        "sms",
        "+15550100",
        "[CRITICAL] ComplianceRunFailed",
        "s-1",
    )
    assert (mail.by, mail.to, mail.reference) == ("mail", "officer@clawback.example", "m-1")
    assert (mail.at - sms.at).total_seconds() == 1


def test_the_officers_notifications_are_found_by_alert_name_without_resolutions(tmp_path: Path) -> None:
    sent = notifications.read(_sinks(tmp_path))
    assert len(operation_checkers.raised(sent, "mail", operation_checkers.FAILED)) == 1
    assert len(operation_checkers.raised(sent, "sms", operation_checkers.FAILED)) == 1
    (tmp_path / "mail" / "1793000000000000000-0.eml").write_bytes(MAIL.replace(b"CRITICAL", b"RESOLVED"))
    assert operation_checkers.raised(notifications.read(tmp_path), "mail", operation_checkers.FAILED) == []


def test_the_same_subject_is_listed_once_with_its_count(tmp_path: Path) -> None:
    sent = notifications.read(_sinks(tmp_path))
    lines = list(notifications.lines([*sent, *sent]))
    assert len(lines) == 2
    assert all("(2 times)" in line for line in lines)
