"""The health of the whole system, as it is answered."""

from datetime import datetime
from typing import Annotated, TypeAlias

from pydantic import BaseModel, Field, JsonValue

from alerting.domain.health import Overall, State

PeerAnswer: TypeAlias = dict[str, JsonValue]
"""An answer of another service, as it gave it."""


class PartHealth(BaseModel):
    """How one part of the system is."""

    status: State
    responseTime: float  # noqa: N815 - the name that monitors read
    """In milliseconds."""
    error: Annotated[str | None, Field(exclude_if=lambda error: error is None)] = None
    """Why it is less than up; absent when it is."""


class HealthMetrics(BaseModel):
    """Figures of the whole; null: nobody can say for now."""

    activeJobs: int | None  # noqa: N815
    pendingJobs: int | None  # noqa: N815
    """Messages that wait to be sent."""
    failedJobs: int | None  # noqa: N815
    """Within a day."""
    lastDataSync: str | None  # noqa: N815
    """The instant at which a feed was last read to its end."""
    databaseLatencyMs: float | None  # noqa: N815
    cacheHitRate: float | None  # noqa: N815
    avgConfidence: None  # noqa: N815
    """Not measured."""
    webhookSuccessRate: None  # noqa: N815
    """Not measured."""
    totalUsers: int | None  # noqa: N815
    """Subjects that have an API key; null where there is no file of keys."""


class SystemHealth(BaseModel):
    """Whether the whole system works."""

    status: Overall
    timestamp: datetime
    version: str
    environment: str
    services: dict[str, PartHealth]
    metrics: HealthMetrics


class OwnMemory(BaseModel):
    """Of the process that answers, in bytes."""

    rss_bytes: int


class PoolUse(BaseModel):
    """Connections to the database of the process that answers."""

    connections: int
    idle: int
    max: int


class OutboxHealth(BaseModel):
    """What a service has not sent yet."""

    waiting: int
    oldestSeconds: float  # noqa: N815


class DetailedSystemHealth(SystemHealth):
    """The same, with what each part says of itself; null: it does not answer."""

    uptimeSeconds: float  # noqa: N815
    memory: OwnMemory
    versions: dict[str, str]
    pool: PoolUse
    lags: dict[str, int] | None
    """Messages that a consumer group has not read, by `group/topic`."""
    deadLetters: dict[str, int] | None  # noqa: N815
    """Records by topic."""
    outboxes: dict[str, OutboxHealth | None]
    lastDone: dict[str, str]  # noqa: N815
    """When each job last ended well, by `service/job`."""
    feeds: list[PeerAnswer] | None
    """As `GET /api/v1/feeds` lists them."""
    parts: dict[str, PeerAnswer]
    """What each service answers at its own `health/detailed`."""
