"""The health of the whole system, computed from the answers of each part. A value that is unknown is null."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

State = Literal["up", "degraded", "down"]
Overall = Literal["healthy", "degraded", "unhealthy"]
LAG_MAX_MESSAGES = 10_000
"""With a higher lag, articles are counted or stored minutes late."""
OLDEST_MAX_S = 60.0
"""A message that waits longer in an outbox is blocked by a fault."""
FAILED_FOR = timedelta(hours=24)
DATA_FLOWS = ("ingester", "analytics")
ESSENTIAL = ("database", "broker")
WEBHOOKS = "ingester"
"""The service that accepts and processes the webhooks of partners."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one check."""

    ok: bool
    ms: float = 0.0
    error: str | None = None
    body: Any = None
    late: bool = False
    """The check timed out and may still answer: the peer has accepted the request."""


@dataclass(frozen=True, slots=True)
class HealthSnapshot:
    """All answers of one round of checks."""

    at: datetime
    database: Answer
    broker: Answer
    lags: Answer
    """Body: ``{"lags": {"group/topic": messages}, "dead_letters": {topic: records}}``."""
    cache: Answer
    """Body: hits and misses."""
    apis: Mapping[str, Answer]
    workers: Mapping[str, Answer]
    """Bodies of ``/readyz``."""
    outboxes: Mapping[str, Answer]
    """Bodies: (messages waiting, age of the oldest in seconds)."""
    jobs: Mapping[str, Answer]
    """Bodies: runs, newest first."""
    feeds: Answer
    details: Mapping[str, Answer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """The health of one part."""

    state: State
    ms: float
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Returns it in the format of the API."""
        found: dict[str, Any] = {"status": self.state, "responseTime": round(self.ms, 1)}
        return found | ({"error": self.error} if self.error else {})


def parts(snapshot: HealthSnapshot) -> dict[str, Part]:
    """Returns the health of every part, by name."""
    return {
        "database": _database(snapshot),
        "broker": _broker(snapshot.broker),
        "cache": _plain(snapshot.cache),
        "etlPipeline": _pipeline(snapshot),
        "jobQueues": _queues(snapshot),
        "backgroundJobs": _jobs(snapshot),
        "jobWorker": _job_workers(snapshot),
        "webhookStatus": _webhooks(snapshot),
        **{name: _service(snapshot.apis[name], snapshot.workers[name]) for name in snapshot.apis},
    }


def overall(found: Mapping[str, Part], services: Iterable[str]) -> Overall:
    """Combines the parts.

    Returns:
        Unhealthy if a service, the database or the broker is down; degraded if any part is not up.
    """
    if any(found[name].state == "down" for name in (*ESSENTIAL, *services)):
        return "unhealthy"
    return "healthy" if all(part.state == "up" for part in found.values()) else "degraded"


def metrics(snapshot: HealthSnapshot) -> dict[str, Any]:
    """Returns the metrics of the response.

    ``avgConfidence`` and ``webhookSuccessRate`` are null: they are not measured.
    """
    runs = [run for answer in snapshot.jobs.values() if answer.ok for run in answer.body]
    known_jobs = any(answer.ok for answer in snapshot.jobs.values())
    waiting = [answer.body[0] for answer in snapshot.outboxes.values() if answer.ok]
    return {
        "activeJobs": sum(run.get("outcome") == "running" for run in runs) if known_jobs else None,
        "pendingJobs": sum(waiting) if waiting else None,
        "failedJobs": len(_failed(runs, snapshot.at)) if known_jobs else None,
        "lastDataSync": _last_sync(snapshot.feeds),
        "databaseLatencyMs": round(snapshot.database.ms, 1) if snapshot.database.ok else None,
        "cacheHitRate": _hit_rate(snapshot.cache),
        "avgConfidence": None,
        "webhookSuccessRate": None,
    }


def last_done(snapshot: HealthSnapshot) -> dict[str, str]:
    """Returns when each job last succeeded, as ``service/job``."""
    found: dict[str, str] = {}
    for name, answer in snapshot.jobs.items():
        for run in answer.body if answer.ok else ():
            if run.get("outcome") in {"done", "attention"} and run.get("ended_at"):
                key = f"{name}/{run.get('job')}"
                found[key] = max(found.get(key, ""), str(run["ended_at"]))
    return found


def _plain(answer: Answer) -> Part:
    return Part("up" if answer.ok else "down", answer.ms, answer.error)


def _broker(answer: Answer) -> Part:
    """The broker: degraded if it answers slowly. If it were down, the services that read from it would report it."""
    return Part("degraded", answer.ms, answer.error) if answer.late else _plain(answer)


def _database(snapshot: HealthSnapshot) -> Part:
    """Alerting's own database, and what the other services report of theirs."""
    if not snapshot.database.ok:
        return _plain(snapshot.database)
    failing = [
        name
        for name in snapshot.apis
        if any("database" in failing_checks(one[name].body) for one in (snapshot.apis, snapshot.workers))
    ]
    if failing:
        return Part("degraded", snapshot.database.ms, f"not reachable from {', '.join(failing)}")
    return _plain(snapshot.database)


def failing_checks(body: Any) -> list[str]:
    """Returns the checks that fail according to a body of ``/readyz``."""
    checks = body.get("checks") if isinstance(body, dict) else None
    if not isinstance(checks, dict):
        return []
    return sorted(str(name) for name, one in checks.items() if isinstance(one, dict) and not one.get("ok"))


def _service(api: Answer, worker: Answer) -> Part:
    errors = [
        f"{role}: {answer.error}" for role, answer in (("api", api), ("worker", worker)) if not answer.ok
    ]
    state: State = ("up", "degraded", "down")[len(errors)]
    return Part(state, max(api.ms, worker.ms), "; ".join(errors) or None)


def _pipeline(snapshot: HealthSnapshot) -> Part:
    """The path of articles from the provider's feeds to the counts: workers that process them, feeds, and lag."""
    carriers = [name for name in DATA_FLOWS if name in snapshot.workers]
    silent = [name for name in carriers if not snapshot.workers[name].ok]
    errors = [f"the worker of {name} does not process articles" for name in silent]
    if not snapshot.feeds.ok:
        errors.append(f"feeds: {snapshot.feeds.error}")
    else:
        errors += [
            f"feed {row.get('name')} is {row.get('state')}"
            for row in snapshot.feeds.body
            if row.get("state") in {"failing", "stopped"}
        ]
    lags = snapshot.lags.body["lags"] if snapshot.lags.ok else {}
    behind = sum(lag for key, lag in lags.items() if key.split("/")[0].split(".")[0] in DATA_FLOWS)
    if not snapshot.broker.ok:
        errors.append("the broker does not answer")
    elif behind > LAG_MAX_MESSAGES:
        errors.append(f"lag of {behind} messages")
    if not errors:
        return Part("up", snapshot.feeds.ms)
    dead = bool(carriers) and len(silent) == len(carriers)
    return Part("down" if dead else "degraded", snapshot.feeds.ms, "; ".join(errors))


def _queues(snapshot: HealthSnapshot) -> Part:
    """The messages that wait in the outboxes, as reported by each worker."""
    old = sorted(
        name for name, answer in snapshot.outboxes.items() if answer.ok and answer.body[1] > OLDEST_MAX_S
    )
    return _of_many(snapshot.outboxes, [f"messages of {name} are delayed" for name in old])


def _jobs(snapshot: HealthSnapshot) -> Part:
    """Whether each job's latest run succeeded."""
    bad = []
    for name, answer in sorted(snapshot.jobs.items()):
        latest: dict[str, str] = {}
        for run in answer.body if answer.ok else ():
            if run.get("outcome") not in {"running", "skipped"}:
                latest.setdefault(str(run.get("job")), str(run.get("outcome")))
        bad += [
            f"{name}: the last run of {job} failed" for job, outcome in latest.items() if outcome == "failed"
        ]
    return _of_many(snapshot.jobs, bad)


def _job_workers(snapshot: HealthSnapshot) -> Part:
    """The processes that run background jobs: the workers."""
    return _of_many(snapshot.workers, silence="the worker of {} is not ready")


def _webhooks(snapshot: HealthSnapshot) -> Part:
    """Whether webhooks of partners are accepted, and processed in time."""
    api, detail = snapshot.apis[WEBHOOKS], snapshot.details.get(WEBHOOKS)
    if not api.ok:
        return Part("down", api.ms, api.error)
    backlog = detail.body.get("webhooks") if detail and isinstance(detail.body, dict) else None
    if not isinstance(backlog, dict):
        return Part("degraded", api.ms, f"{WEBHOOKS} does not report its webhooks")
    if backlog["oldest_seconds"] > OLDEST_MAX_S:
        return Part("degraded", api.ms, f"{backlog['waiting']} webhooks are delayed")
    return Part("up", api.ms)


def _of_many(
    answers: Mapping[str, Answer], errors: Sequence[str] = (), silence: str = "no answer from {}"
) -> Part:
    """One part for all services: down if none of them answers."""
    ms = max((answer.ms for answer in answers.values()), default=0.0)
    silent = sorted(name for name, answer in answers.items() if not answer.ok)
    errors = [*([silence.format(", ".join(silent))] if silent else []), *errors]
    if not errors:
        return Part("up", ms)
    return Part("down" if len(silent) == len(answers) else "degraded", ms, "; ".join(errors))


def _failed(runs: Iterable[Mapping[str, Any]], now: datetime) -> list[Mapping[str, Any]]:
    since = (now - FAILED_FOR).isoformat()
    return [run for run in runs if run.get("outcome") == "failed" and str(run.get("started_at")) >= since]


def _last_sync(feeds: Answer) -> str | None:
    if not feeds.ok:
        return None
    found = [str(row["last_complete_at"]) for row in feeds.body if row.get("last_complete_at")]
    return max(found, default=None)


def _hit_rate(cache: Answer) -> float | None:
    if not cache.ok or not cache.body:
        return None
    hits, misses = cache.body
    return round(hits / (hits + misses), 4) if hits + misses else None
