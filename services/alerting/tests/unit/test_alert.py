"""Events about one condition become one alert, in any order of arrival."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alerting.domain.alert import Alert, Raised, Resolved, one_line
from clawback_contracts.alert.v1 import Severity, fingerprint

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
UNRAISED = Alert(
    "f" * 16,
    "",
    "",
    Severity.INFO,
    "",
    {},
    is_event=False,
    status="resolved",
    occurrence=0,
    count=0,
    first_at=AT,
    last_at=AT,
)


def raised(minute: float = 0, **more: Any) -> Raised:
    fields: dict[str, Any] = {
        "name": "FeedStopped",
        "service": "ingester",
        "severity": Severity.WARNING,
        "summary": "A feed stopped.",
        "at": AT + timedelta(minutes=minute),
    }
    return Raised(**(fields | more))


def resolved(minute: float, by: str | None = None) -> Resolved:
    return Resolved("f" * 16, AT + timedelta(minutes=minute), by)


def after(*events: Raised | Resolved) -> Alert:
    alert = UNRAISED
    for event in events:
        alert = alert.fold(event)
    return alert


def test_a_repeat_increments_the_count_and_keeps_the_start() -> None:
    alert = after(raised(0), raised(1), raised(2, summary="Still."))
    assert (alert.occurrence, alert.count, alert.status) == (1, 3, "firing")
    assert (alert.first_at, alert.last_at) == (AT, AT + timedelta(minutes=2))
    assert alert.summary == "Still."


def test_an_alert_raised_again_after_its_end_is_a_new_occurrence() -> None:
    alert = after(raised(0), resolved(1), raised(2))
    assert (alert.occurrence, alert.count, alert.firing) == (2, 1, True)
    assert (alert.resolved_at, alert.first_at) == (None, AT + timedelta(minutes=2))


def test_a_resolution_older_than_the_last_raised_event_is_ignored() -> None:
    assert after(raised(0), raised(5), resolved(3)).firing


def test_a_raised_event_older_than_the_resolution_is_ignored() -> None:
    alert = after(raised(0), resolved(5), raised(3))
    assert (alert.occurrence, alert.firing) == (1, False)


def test_a_raised_event_that_arrives_after_its_resolution_is_resolved() -> None:
    alert = after(resolved(5), raised(3))
    assert (alert.occurrence, alert.status, alert.resolved_at) == (1, "resolved", AT + timedelta(minutes=5))


def test_a_resolution_of_an_unknown_alert_is_no_occurrence() -> None:
    assert after(resolved(5)).occurrence == 0


def test_a_higher_severity_is_a_new_unacknowledged_occurrence() -> None:
    acknowledged = replace(after(raised(0)), acknowledged_at=AT, acknowledged_by="ann")
    higher = acknowledged.fold(raised(1, severity=Severity.CRITICAL))
    assert (higher.occurrence, higher.acknowledged_at, higher.severity) == (2, None, Severity.CRITICAL)
    lower = higher.fold(raised(2, severity=Severity.INFO))
    assert lower.occurrence == 2


def test_each_single_event_is_a_new_resolved_occurrence() -> None:
    alert = after(raised(0, is_event=True), raised(1, is_event=True))
    assert (alert.occurrence, alert.count, alert.status) == (2, 1, "resolved")


def test_the_person_who_resolved_an_alert_is_recorded() -> None:
    assert after(raised(0), resolved(1, "ann")).resolved_by == "ann"


def test_the_fingerprint_is_that_of_the_contract_unless_the_source_assigns_one() -> None:
    assert raised(labels={"feed": "a"}).fingerprint == fingerprint("ingester", "FeedStopped", {"feed": "a"})
    assert raised(identity="0" * 16).fingerprint == "0" * 16


@given(st.text(max_size=700))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    line = one_line(text)
    assert len(line) <= 500
    assert not set(line) & set("\r\n\x00\x0b\x85\u2028\u202e")
    line.encode()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=20))
def test_the_latest_event_wins_in_any_order_of_arrival(events: list[tuple[bool, int]]) -> None:
    alert = after(*(raised(minute) if fires else resolved(minute) for fires, minute in events))
    begun = [minute for fires, minute in events if fires]
    ended = [minute for fires, minute in events if not fires]
    if begun and (not ended or max(begun) > max(ended)):
        assert alert.firing
    if ended and (not begun or max(ended) > max(begun)):
        assert not alert.firing
