"""Conditions, and the messages of their alerts."""

from datetime import UTC, datetime
from pathlib import Path

from clawback_common.alerts import messages
from clawback_common.alerts.condition import Condition, unsendable
from clawback_contracts.alert.v1 import AlertRaised, Severity

from .conftest import Logged

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEAK = Condition("PipeLeaks", Severity.WARNING, "It drips.", {"pipe": "a"})


def test_the_same_name_and_labels_are_the_same_condition_whatever_the_summary() -> None:
    other = Condition("PipeLeaks", Severity.CRITICAL, "It gushes.", {"pipe": "a"})
    assert LEAK.fingerprint("svc") == other.fingerprint("svc")
    other_pipe = Condition("PipeLeaks", Severity.WARNING, "It drips.", {"pipe": "b"})
    assert LEAK.fingerprint("svc") != other_pipe.fingerprint("svc")


def test_conditions_of_two_services_are_different() -> None:
    assert LEAK.fingerprint("svc") != LEAK.fingerprint("other")


def test_a_summary_that_is_too_long_is_cut() -> None:
    message = messages.raised("svc", Condition("PipeLeaks", Severity.WARNING, "x" * 501), 1, NOW)
    assert len(AlertRaised.model_validate_json(message.value).summary) == 500


def test_raised_and_resolved_alerts_are_logged(logged: Logged) -> None:
    raised = messages.raised("svc", LEAK, 1, NOW)
    ended = messages.resolved("svc", LEAK.fingerprint("svc"), LEAK.name, 2, NOW)
    assert raised.event_id != ended.event_id
    begun, over = logged()
    assert (begun["event"], begun["alert"], begun["detail"]) == ("alert raised", "PipeLeaks", "It drips.")
    assert (over["event"], over["alert"]) == ("alert resolved", "PipeLeaks")


def test_the_common_condition_has_a_runbook() -> None:
    runbooks = Path(__file__).parents[4] / "docs" / "runbooks"
    assert (runbooks / f"{unsendable('orders').name}.md").is_file()
