"""The health of the whole, judged from what each part answered. What nobody could say is null, never a guess."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

State = Literal["up", "degraded", "down"]
Overall = Literal["healthy", "degraded", "unhealthy"]
LAG_MAX_MESSAGES = 10_000
"""Behind by more, articles are minutes old before they are counted or kept."""
OLDEST_MAX_S = 60.0
"""A message that waits in an outbox for longer waits for something that is broken."""
FAILED_FOR = timedelta(hours=24)
DATA_FLOWS = ("ingester", "analytics")
ESSENTIAL = ("database", "broker")
WEBHOOKS = "ingester"
"""Takes and processes what partners push."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question got."""

    ok: bool
    ms: float = 0.0
    error: str | None = None
    body: Any = None
    late: bool = False
    """It may yet come: whoever was asked has taken the question."""


@dataclass(frozen=True, slots=True)
class HealthSnapshot:
    """All answers of one round."""

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
    """Bodies: (messages waiting, seconds that the oldest waits)."""
    jobs: Mapping[str, Answer]
    """Bodies: runs, the newest first."""
    feeds: Answer
    details: Mapping[str, Answer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """How one part is."""

    state: State
    ms: float
    error: str | None = None

    def told(self) -> dict[str, Any]:
        """In the words of the API."""
        told: dict[str, Any] = {"status": self.state, "responseTime": round(self.ms, 1)}
        return told | ({"error": self.error} if self.error else {})


def parts(asked: HealthSnapshot) -> dict[str, Part]:
    """Every part by its name."""
    return {
        "database": _database(asked),
        "broker": _broker(asked.broker),
        "cache": _plain(asked.cache),
        "etlPipeline": _pipeline(asked),
        "jobQueues": _queues(asked),
        "backgroundJobs": _jobs(asked),
        "jobWorker": _job_workers(asked),
        "webhookStatus": _webhooks(asked),
        **{name: _service(asked.apis[name], asked.workers[name]) for name in asked.apis},
    }


def overall(found: Mapping[str, Part], services: Iterable[str]) -> Overall:
    """Unhealthy when a service, the database or the broker is down; degraded when anything is less than up."""
    if any(found[name].state == "down" for name in (*ESSENTIAL, *services)):
        return "unhealthy"
    return "healthy" if all(part.state == "up" for part in found.values()) else "degraded"


def metrics(asked: HealthSnapshot) -> dict[str, Any]:
    """The numbers of the page. ``avgConfidence`` and ``webhookSuccessRate`` are null: nobody measures them."""
    runs = [run for answer in asked.jobs.values() if answer.ok for run in answer.body]
    known_jobs = any(answer.ok for answer in asked.jobs.values())
    waiting = [answer.body[0] for answer in asked.outboxes.values() if answer.ok]
    return {
        "activeJobs": sum(run.get("outcome") == "running" for run in runs) if known_jobs else None,
        "pendingJobs": sum(waiting) if waiting else None,
        "failedJobs": len(_failed(runs, asked.at)) if known_jobs else None,
        "lastDataSync": _last_sync(asked.feeds),
        "databaseLatencyMs": round(asked.database.ms, 1) if asked.database.ok else None,
        "cacheHitRate": _hit_rate(asked.cache),
        "avgConfidence": None,
        "webhookSuccessRate": None,
    }


def last_done(asked: HealthSnapshot) -> dict[str, str]:
    """When each job last ended well, as ``service/job``."""
    found: dict[str, str] = {}
    for name, answer in asked.jobs.items():
        for run in answer.body if answer.ok else ():
            if run.get("outcome") in {"done", "attention"} and run.get("ended_at"):
                key = f"{name}/{run.get('job')}"
                found[key] = max(found.get(key, ""), str(run["ended_at"]))
    return found


def _plain(answer: Answer) -> Part:
    return Part("up" if answer.ok else "down", answer.ms, answer.error)


def _broker(answer: Answer) -> Part:
    """A cluster that is slow is not down: were it, the services that read from it would say so."""
    return Part("degraded", answer.ms, answer.error) if answer.late else _plain(answer)


def _database(asked: HealthSnapshot) -> Part:
    """Ours, and what the others say of theirs."""
    if not asked.database.ok:
        return _plain(asked.database)
    troubled = [
        name
        for name in asked.apis
        if "database" in _failing(asked.apis[name]) or "database" in _failing(asked.workers[name])
    ]
    if troubled:
        return Part("degraded", asked.database.ms, f"not reached by {', '.join(troubled)}")
    return _plain(asked.database)


def _failing(answer: Answer) -> list[str]:
    checks = answer.body.get("checks") if isinstance(answer.body, dict) else None
    if not isinstance(checks, dict):
        return []
    return sorted(str(name) for name, one in checks.items() if isinstance(one, dict) and not one.get("ok"))


def _service(api: Answer, worker: Answer) -> Part:
    said = [f"{role}: {answer.error}" for role, answer in (("api", api), ("worker", worker)) if not answer.ok]
    state: State = ("up", "degraded", "down")[len(said)]
    return Part(state, max(api.ms, worker.ms), "; ".join(said) or None)


def _pipeline(asked: HealthSnapshot) -> Part:
    """From the provider's feeds to the counts: who carries articles, whether feeds are read, how far behind we are."""
    carriers = [name for name in DATA_FLOWS if name in asked.workers]
    silent = [name for name in carriers if not asked.workers[name].ok]
    wrong = [f"the worker of {name} does not carry" for name in silent]
    if not asked.feeds.ok:
        wrong.append(f"feeds: {asked.feeds.error}")
    else:
        bad = [f"feed {row.get('name')} {row.get('state')}" for row in asked.feeds.body if _troubled(row)]
        wrong += bad
    lags = asked.lags.body["lags"] if asked.lags.ok else {}
    behind = sum(lag for key, lag in lags.items() if key.split("/")[0].split(".")[0] in DATA_FLOWS)
    if not asked.broker.ok:
        wrong.append("the broker does not answer")
    elif behind > LAG_MAX_MESSAGES:
        wrong.append(f"{behind} messages behind")
    if not wrong:
        return Part("up", asked.feeds.ms)
    dead = bool(carriers) and len(silent) == len(carriers)
    return Part("down" if dead else "degraded", asked.feeds.ms, "; ".join(wrong))


def _troubled(feed: Mapping[str, Any]) -> bool:
    return feed.get("state") in {"failing", "stopped"}


def _queues(asked: HealthSnapshot) -> Part:
    """What waits to be sent, as each worker says."""
    ms = max((answer.ms for answer in asked.outboxes.values()), default=0.0)
    silent = sorted(name for name, answer in asked.outboxes.items() if not answer.ok)
    old = sorted(
        name for name, answer in asked.outboxes.items() if answer.ok and answer.body[1] > OLDEST_MAX_S
    )
    return _of_many(asked.outboxes, ms, silent, [f"messages of {name} wait for long" for name in old])


def _jobs(asked: HealthSnapshot) -> Part:
    """Whether each job's latest run ended well."""
    ms = max((answer.ms for answer in asked.jobs.values()), default=0.0)
    silent = sorted(name for name, answer in asked.jobs.items() if not answer.ok)
    bad = []
    for name, answer in sorted(asked.jobs.items()):
        latest: dict[str, str] = {}
        for run in answer.body if answer.ok else ():
            if run.get("outcome") not in {"running", "skipped"}:
                latest.setdefault(str(run.get("job")), str(run.get("outcome")))
        bad += [
            f"{name}: the last run of {job} failed" for job, outcome in latest.items() if outcome == "failed"
        ]
    return _of_many(asked.jobs, ms, silent, bad)


def _job_workers(asked: HealthSnapshot) -> Part:
    """The processes that run jobs in the background: the workers."""
    ms = max((answer.ms for answer in asked.workers.values()), default=0.0)
    away = sorted(name for name, answer in asked.workers.items() if not answer.ok)
    if not away:
        return Part("up", ms)
    error = f"the worker of {', '.join(away)} is not ready"
    return Part("down" if len(away) == len(asked.workers) else "degraded", ms, error)


def _webhooks(asked: HealthSnapshot) -> Part:
    """Whether what partners push is taken, and processed in time."""
    api, detail = asked.apis[WEBHOOKS], asked.details.get(WEBHOOKS)
    if not api.ok:
        return Part("down", api.ms, api.error)
    backlog = detail.body.get("webhooks") if detail and isinstance(detail.body, dict) else None
    if not isinstance(backlog, dict):
        return Part("degraded", api.ms, f"unknown of {WEBHOOKS}")
    if backlog["oldest_seconds"] > OLDEST_MAX_S:
        return Part("degraded", api.ms, f"{backlog['waiting']} webhooks wait for long")
    return Part("up", api.ms)


def _of_many(asked: Mapping[str, Answer], ms: float, silent: Sequence[str], wrong: Sequence[str]) -> Part:
    said = [*([f"unknown of {', '.join(silent)}"] if silent else []), *wrong]
    if not said:
        return Part("up", ms)
    return Part("down" if asked and len(silent) == len(asked) else "degraded", ms, "; ".join(said))


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
