"""Parts of requests and answers that every service has."""

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

HealthStatus: TypeAlias = Literal["healthy", "degraded", "unhealthy"]


class FieldError(BaseModel):
    """What is wrong with one field."""

    path: str = Field(examples=["items[3].title"])
    code: str = Field(examples=["missing"])
    message: str


class Incident(BaseModel):
    """What no retry resolves: it stays open until a person closes it."""

    id: UUID
    kind: str
    subject: str | None
    """The article that it concerns."""
    detail: str
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    note: str | None


class IncidentNote(BaseModel):
    """Why an incident may be closed."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field(min_length=3, max_length=1_000)


class CheckResult(BaseModel):
    """What one readiness check found when it last ran."""

    ok: bool
    detail: str | None


class ServiceHealth(BaseModel):
    """Whether one service works."""

    status: HealthStatus
    timestamp: datetime
    service: str
    version: str
    checks: dict[str, CheckResult]


class Memory(BaseModel):
    """Of the process, in bytes."""

    rss_bytes: int
    rss_bytes_max: int


class DetailedHealth(ServiceHealth):
    """The same, with what the process runs on and what its service adds, under names of the service's own."""

    model_config = ConfigDict(extra="allow")

    uptime_s: float
    memory: Memory
    versions: dict[str, str]
