"""The responses of the health endpoints of the whole system."""

from datetime import datetime
from typing import Annotated, TypeAlias

from pydantic import BaseModel, Field, JsonValue

from alerting.domain.health import Overall, State

PeerAnswer: TypeAlias = dict[str, JsonValue]
"""A response of another service, unchanged."""


class PartHealth(BaseModel):
    """The health of one part of the system."""

    status: State
    responseTime: float  # noqa: N815 - the name that monitoring tools read
    """In milliseconds."""
    error: Annotated[str | None, Field(exclude_if=lambda error: error is None)] = None
    """Why it is not up; absent when it is."""


class HealthMetrics(BaseModel):
    """Metrics of the whole system; null: currently unknown."""

    activeJobs: int | None  # noqa: N815
    pendingJobs: int | None  # noqa: N815
    """Messages that wait to be sent."""
    failedJobs: int | None  # noqa: N815
    """Within 24 hours."""
    lastDataSync: str | None  # noqa: N815
    """When a feed was last read to its end."""
    databaseLatencyMs: float | None  # noqa: N815
    cacheHitRate: float | None  # noqa: N815
    avgConfidence: None  # noqa: N815
    """Not measured."""
    webhookSuccessRate: None  # noqa: N815
    """Not measured."""
    totalUsers: int | None  # noqa: N815
    """Subjects that have an API key; null without a file of keys."""


class SystemHealth(BaseModel):
    """The health of the whole system."""

    status: Overall
    timestamp: datetime
    version: str
    environment: str
    services: dict[str, PartHealth]
    metrics: HealthMetrics


class OwnMemory(BaseModel):
    """Memory of the process that answers, in bytes."""

    rss_bytes: int


class PoolUse(BaseModel):
    """Database connections of the process that answers."""

    connections: int
    idle: int
    max: int


class OutboxHealth(BaseModel):
    """The unsent messages of a service."""

    waiting: int
    oldestSeconds: float  # noqa: N815


class DetailedSystemHealth(SystemHealth):
    """The same, with details of each part; null: it does not answer."""

    uptimeSeconds: float  # noqa: N815
    memory: OwnMemory
    versions: dict[str, str]
    pool: PoolUse
    lags: dict[str, int] | None
    """Messages that a consumer group has not read, by `group/topic`."""
    deadLetters: dict[str, int] | None  # noqa: N815
    """Number of records, by topic."""
    outboxes: dict[str, OutboxHealth | None]
    lastDone: dict[str, str]  # noqa: N815
    """When each job last succeeded, by `service/job`."""
    feeds: list[PeerAnswer] | None
    """The items of `GET /api/v1/feeds`."""
    parts: dict[str, PeerAnswer]
    """The response of each service's own `health/detailed`."""
