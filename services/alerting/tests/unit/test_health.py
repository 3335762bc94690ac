"""The health of the whole system, computed from the answers of its parts."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from alerting.domain.health import Answer, HealthSnapshot, last_done, metrics, overall, parts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = ("ingester", "compliance", "analytics", "alerting", "retention")
READY = Answer(ok=True, ms=1, body={"ready": True, "checks": {"database": {"ok": True}}})
DOWN = Answer(ok=False, ms=2, error="no answer")
RUN = {
    "job": "poll:a",
    "outcome": "done",
    "started_at": "2026-03-01T11:00:00+00:00",
    "ended_at": "2026-03-01T11:01:00+00:00",
}


def webhooks(waiting: int, oldest_s: float) -> Answer:
    return Answer(ok=True, body={"webhooks": {"waiting": waiting, "oldest_seconds": oldest_s}})


HEALTHY = HealthSnapshot(
    NOW,
    database=Answer(ok=True, ms=1.23),
    broker=Answer(ok=True),
    lags=Answer(ok=True, body={"lags": {"analytics/articles.v1": 3}, "dead_letters": {}}),
    cache=Answer(ok=True, body=(3, 1)),
    apis=dict.fromkeys(NAMES, READY),
    workers=dict.fromkeys(NAMES, READY),
    outboxes=dict.fromkeys(NAMES, Answer(ok=True, body=(2, 0.5))),
    jobs=dict.fromkeys(NAMES, Answer(ok=True, body=[RUN])),
    feeds=Answer(
        ok=True, body=[{"name": "a", "state": "ok", "last_complete_at": "2026-03-01T10:00:00+00:00"}]
    ),
    details={"ingester": webhooks(0, 0.0)},
)


def with_one(kind: str, name: str, answer: Answer) -> HealthSnapshot:
    changed: Any = {kind: {**getattr(HEALTHY, kind), name: answer}}
    return replace(HEALTHY, **changed)


def states(snapshot: HealthSnapshot) -> dict[str, str]:
    return {name: part.state for name, part in parts(snapshot).items() if part.state != "up"}


def status_of(snapshot: HealthSnapshot) -> str:
    return overall(parts(snapshot), NAMES)


def test_all_parts_that_answer_are_up() -> None:
    assert states(HEALTHY) == {}
    assert status_of(HEALTHY) == "healthy"
    assert set(parts(HEALTHY)) == {
        "database",
        "broker",
        "cache",
        "etlPipeline",
        "jobQueues",
        "backgroundJobs",
        "jobWorker",
        "webhookStatus",
        *NAMES,
    }
    assert parts(HEALTHY)["database"].as_json() == {"status": "up", "responseTime": 1.2}


@pytest.mark.parametrize(
    ("snapshot", "changed", "status"),
    [
        (replace(HEALTHY, database=DOWN), {"database": "down"}, "unhealthy"),
        (replace(HEALTHY, broker=DOWN), {"broker": "down", "etlPipeline": "degraded"}, "unhealthy"),
        (
            replace(HEALTHY, broker=replace(DOWN, late=True)),
            {"broker": "degraded", "etlPipeline": "degraded"},
            "degraded",
        ),
        (replace(HEALTHY, lags=DOWN), {}, "healthy"),
        (replace(HEALTHY, cache=DOWN), {"cache": "down"}, "degraded"),
        (replace(HEALTHY, feeds=DOWN), {"etlPipeline": "degraded"}, "degraded"),
        (with_one("apis", "retention", DOWN), {"retention": "degraded"}, "degraded"),
        (
            with_one("workers", "retention", DOWN),
            {"retention": "degraded", "jobWorker": "degraded"},
            "degraded",
        ),
        (
            with_one("workers", "ingester", DOWN),
            {"ingester": "degraded", "etlPipeline": "degraded", "jobWorker": "degraded"},
            "degraded",
        ),
        (with_one("apis", "ingester", DOWN), {"ingester": "degraded", "webhookStatus": "down"}, "degraded"),
        (with_one("details", "ingester", DOWN), {"webhookStatus": "degraded"}, "degraded"),
        (with_one("details", "ingester", webhooks(3, 60.1)), {"webhookStatus": "degraded"}, "degraded"),
        (with_one("details", "ingester", webhooks(3, 60.0)), {}, "healthy"),
        (with_one("outboxes", "ingester", DOWN), {"jobQueues": "degraded"}, "degraded"),
        (
            with_one("outboxes", "ingester", Answer(ok=True, body=(2, 61.0))),
            {"jobQueues": "degraded"},
            "degraded",
        ),
        (with_one("jobs", "ingester", DOWN), {"backgroundJobs": "degraded"}, "degraded"),
        (
            with_one("jobs", "ingester", Answer(ok=True, body=[{**RUN, "outcome": "failed"}, RUN])),
            {"backgroundJobs": "degraded"},
            "degraded",
        ),
        (
            with_one("jobs", "ingester", Answer(ok=True, body=[RUN, {**RUN, "outcome": "failed"}])),
            {},
            "healthy",
        ),
        (
            replace(
                HEALTHY, lags=Answer(ok=True, body={"lags": {"ingester.revocations/revocations.v1": 10_001}})
            ),
            {"etlPipeline": "degraded"},
            "degraded",
        ),
        (
            replace(HEALTHY, feeds=Answer(ok=True, body=[{"name": "a", "state": "stopped"}])),
            {"etlPipeline": "degraded"},
            "degraded",
        ),
    ],
)
def test_a_part_that_stops_changes_only_its_own_key(
    snapshot: HealthSnapshot, changed: dict[str, str], status: str
) -> None:
    assert states(snapshot) == changed
    assert status_of(snapshot) == status


def test_a_service_that_does_not_answer_is_down_and_the_system_unhealthy() -> None:
    snapshot = replace(with_one("apis", "retention", DOWN), workers={**HEALTHY.workers, "retention": DOWN})
    assert states(snapshot) == {"retention": "down", "jobWorker": "degraded"}
    assert status_of(snapshot) == "unhealthy"
    assert parts(snapshot)["retention"].error == "api: no answer; worker: no answer"


def test_queues_jobs_and_pipeline_are_down_when_no_service_answers() -> None:
    unanswered = dict.fromkeys(NAMES, DOWN)
    snapshot = replace(
        HEALTHY, apis=unanswered, workers=unanswered, outboxes=unanswered, jobs=unanswered, feeds=DOWN
    )
    assert {"jobQueues", "backgroundJobs", "etlPipeline", "jobWorker", "webhookStatus"} <= {
        n for n, s in states(snapshot).items() if s == "down"
    }
    found = metrics(snapshot)
    assert [found[name] for name in ("activeJobs", "pendingJobs", "failedJobs", "lastDataSync")] == [None] * 4


def test_a_database_that_another_service_cannot_reach_is_degraded() -> None:
    unready = Answer(ok=False, error="not ready: database", body={"checks": {"database": {"ok": False}}})
    found = parts(with_one("workers", "analytics", unready))
    assert found["database"].state == "degraded"
    assert found["database"].error == "not reachable from analytics"


def test_metrics_are_computed_from_answers_and_null_when_unknown() -> None:
    assert metrics(HEALTHY) == {
        "activeJobs": 0,
        "pendingJobs": 10,
        "failedJobs": 0,
        "lastDataSync": "2026-03-01T10:00:00+00:00",
        "databaseLatencyMs": 1.2,
        "cacheHitRate": 0.75,
        "avgConfidence": None,
        "webhookSuccessRate": None,
    }
    assert metrics(replace(HEALTHY, cache=Answer(ok=True, body=(0, 0))))["cacheHitRate"] is None
    failed = {**RUN, "outcome": "failed"}
    old = {**failed, "started_at": "2026-02-01T11:00:00+00:00"}
    running = {**RUN, "outcome": "running"}
    found = metrics(with_one("jobs", "retention", Answer(ok=True, body=[failed, old, running])))
    assert (found["activeJobs"], found["failedJobs"]) == (1, 1)


def test_the_last_success_of_each_job_is_reported() -> None:
    assert last_done(HEALTHY)["ingester/poll:a"] == RUN["ended_at"]
