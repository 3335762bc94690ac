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


def one(**more: Any) -> dict[str, Any]:
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
    event, refused = AmBody.read(pushed(one())).read_alerts(NOW)
    assert refused == []
    (raised,) = event
    assert isinstance(raised, Raised)
    assert (raised.name, raised.service, raised.severity) == ("KafkaLag", "alertmanager", Severity.CRITICAL)
    assert (raised.summary, raised.labels, raised.at) == ("A group is behind.", {"group": "a"}, NOW)
    assert raised.since is not None
    assert raised.since.hour == 11


def test_the_resolution_of_an_alertmanager_alert_has_the_same_fingerprint() -> None:
    event, _ = AmBody.read(pushed(one(), one(status="resolved"))).read_alerts(NOW)
    raised, resolved = event
    assert isinstance(resolved, Resolved)
    assert raised.fingerprint == resolved.fingerprint


@pytest.mark.parametrize(
    ("severity", "expected"),
    [("critical", "critical"), ("info", "info"), ("none", "info"), ("strange", "warning"), ("", "warning")],
)
def test_an_unknown_severity_is_mapped_to_the_nearest(severity: str, expected: str) -> None:
    event, _ = AmBody.read(pushed(one(labels={"alertname": "Some", "severity": severity}))).read_alerts(NOW)
    assert isinstance(event[0], Raised)
    assert event[0].severity.value == expected


@pytest.mark.parametrize(
    ("given_body", "path"),
    [
        (pushed(one(), version="3"), "version"),
        (pushed(one(), status="odd"), "status"),
        (pushed(), "alerts"),
        (pushed(one(), groupKey=None), "groupKey"),
        ([], ""),
        ("x", ""),
        (None, ""),
        ({}, "version"),
    ],
)
def test_an_invalid_payload_is_rejected_with_the_path_of_the_field(given_body: Any, path: str) -> None:
    with pytest.raises(Problem) as refused:
        AmBody.read(given_body)
    assert path in {error["path"] for error in refused.value.errors}


@pytest.mark.parametrize(
    ("bad", "path"),
    [
        (one(status="odd"), "alerts[1].status"),
        (one(labels={"severity": "info"}), "alerts[1].labels"),
        (one(labels={"alertname": "not camel"}), "alerts[1].labels"),
        (one(labels={"alertname": "Some", "a": 3}), "alerts[1].labels.a"),
        (one(startsAt="yesterday"), "alerts[1].startsAt"),
        (one(annotations=[]), "alerts[1].annotations"),
        ("x", "alerts[1]"),
        (None, "alerts[1]"),
    ],
)
def test_an_invalid_alert_does_not_affect_the_others(bad: Any, path: str) -> None:
    event, refused = AmBody.read(pushed(one(), bad, one(status="resolved"))).read_alerts(NOW)
    assert len(event) == 2
    (only,) = refused
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
    ("starts_h", "ends_h", "fine"),
    [(None, 1, True), (1, 2, True), (2, 1, False), (None, -1, False), (None, 800, False)],
)
def test_a_silence_ends_after_its_start_and_within_its_maximum(
    starts_h: float | None,
    ends_h: float,
    fine: bool,  # noqa: FBT001
) -> None:
    body = SilenceBody(
        matchers=['name="A"'],
        starts_at=NOW + timedelta(hours=starts_h) if starts_h else None,
        ends_at=NOW + timedelta(hours=ends_h),
        comment="a change is under way",
    )
    if fine:
        assert body.span(NOW)[1] == body.ends_at
    else:
        with pytest.raises(Problem):
            body.span(NOW)


def test_a_long_silence_of_everything_is_rejected() -> None:
    with pytest.raises(ValueError, match="at least 1 item"):
        SilenceBody(matchers=[], ends_at=NOW, comment="why not")
    with pytest.raises(ValueError, match="not a matcher"):
        SilenceBody(matchers=["="], ends_at=NOW, comment="why not")
