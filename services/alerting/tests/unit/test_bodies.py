"""Request bodies of people and Alertmanager: parsed, or rejected with the path of the field."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.domain.alert import Raised, Resolved
from alerting.entrypoints.http.bodies import AmBody, SilenceBody
from clawback_common.http.problem import Problem
from clawback_contracts.alert.v1 import Severity

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def pushed(*alerts: Any, **more: Any) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="X"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "clawback",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "alerts": list(alerts),
    } | more


def alert(**more: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "KafkaLag", "severity": "page", "group": "a"},
        "annotations": {"summary": "A group\nis behind."},
        "startsAt": "2026-03-01T11:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus",
        "fingerprint": "0011223344556677",
    } | more


def test_an_alert_of_alertmanager_is_raised_now_and_began_at_starts_at() -> None:
    events, rejected = AmBody.read(pushed(alert())).read_alerts(NOW)
    assert rejected == []
    (raised,) = events
    assert isinstance(raised, Raised)
    assert (raised.name, raised.service, raised.severity) == ("KafkaLag", "alertmanager", Severity.CRITICAL)
    assert (raised.summary, raised.labels, raised.at) == ("A group is behind.", {"group": "a"}, NOW)
    assert raised.since is not None
    assert raised.since.hour == 11


def test_the_resolution_of_an_alertmanager_alert_has_the_same_fingerprint() -> None:
    events, _ = AmBody.read(pushed(alert(), alert(status="resolved"))).read_alerts(NOW)
    raised, resolved = events
    assert isinstance(resolved, Resolved)
    assert raised.fingerprint == resolved.fingerprint


@pytest.mark.parametrize(
    ("severity", "expected"),
    [("critical", "critical"), ("info", "info"), ("none", "info"), ("strange", "warning"), ("", "warning")],
)
def test_an_unknown_severity_is_mapped_to_the_nearest(severity: str, expected: str) -> None:
    events, _ = AmBody.read(pushed(alert(labels={"alertname": "Any", "severity": severity}))).read_alerts(NOW)
    assert isinstance(events[0], Raised)
    assert events[0].severity.value == expected


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (pushed(alert(), version="3"), "version"),
        (pushed(alert(), status="odd"), "status"),
        (pushed(), "alerts"),
        (pushed(alert(), groupKey=None), "groupKey"),
        ([], ""),
        ("x", ""),
        (None, ""),
        ({}, "version"),
    ],
)
def test_an_invalid_payload_is_rejected_with_the_path_of_the_field(body: Any, path: str) -> None:
    with pytest.raises(Problem) as rejected:
        AmBody.read(body)
    assert path in {error["path"] for error in rejected.value.errors}


@pytest.mark.parametrize(
    ("invalid", "path"),
    [
        (alert(status="odd"), "alerts[1].status"),
        (alert(labels={"severity": "info"}), "alerts[1].labels"),
        (alert(labels={"alertname": "not camel"}), "alerts[1].labels"),
        (alert(labels={"alertname": "Some", "a": 3}), "alerts[1].labels.a"),
        (alert(startsAt="yesterday"), "alerts[1].startsAt"),
        (alert(annotations=[]), "alerts[1].annotations"),
        ("x", "alerts[1]"),
        (None, "alerts[1]"),
    ],
)
def test_an_invalid_alert_does_not_affect_the_others(invalid: Any, path: str) -> None:
    events, rejected = AmBody.read(pushed(alert(), invalid, alert(status="resolved"))).read_alerts(NOW)
    assert len(events) == 2
    (only,) = rejected
    assert only["index"] == 1
    assert [error["path"] for error in only["errors"]] == [path]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["version", "alerts", "status", "labels", "groupKey", "x"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
def test_garbage_is_always_rejected(garbage: Any) -> None:
    with suppress(Problem):
        AmBody.read(garbage).read_alerts(NOW)


@pytest.mark.parametrize(
    ("starts_h", "ends_h", "valid"),
    [(None, 1, True), (1, 2, True), (2, 1, False), (None, -1, False), (None, 800, False)],
)
def test_a_silence_ends_after_its_start_and_within_its_maximum(
    starts_h: float | None,
    ends_h: float,
    valid: bool,  # noqa: FBT001
) -> None:
    body = SilenceBody(
        matchers=['name="A"'],
        starts_at=NOW + timedelta(hours=starts_h) if starts_h else None,
        ends_at=NOW + timedelta(hours=ends_h),
        comment="planned maintenance",
    )
    if valid:
        assert body.span(NOW)[1] == body.ends_at
    else:
        with pytest.raises(Problem):
            body.span(NOW)


def test_a_long_silence_of_everything_is_rejected() -> None:
    with pytest.raises(ValueError, match="at least 1 item"):
        SilenceBody(matchers=[], ends_at=NOW, comment="a test")
    with pytest.raises(ValueError, match="not a matcher"):
        SilenceBody(matchers=["="], ends_at=NOW, comment="a test")
