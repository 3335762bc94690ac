"""Models of requests and responses that every service uses."""

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

HealthStatus: TypeAlias = Literal["healthy", "degraded", "unhealthy"]


class FieldError(BaseModel):
    """The error of one field."""

    path: str = Field(examples=["items[3].title"])
    code: str = Field(examples=["missing"])
    message: str


class Incident(BaseModel):
    """A problem that no retry solves; it stays open until a person closes it."""

    id: UUID
    kind: str
    subject: str | None
    """The article concerned."""
    detail: str
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    note: str | None


class IncidentNote(BaseModel):
    """The reason for closing an incident."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field(min_length=3, max_length=1_000)


class CheckResult(BaseModel):
    """The last result of one readiness check."""

    ok: bool
    detail: str | None


class ServiceHealth(BaseModel):
    """The health of one service."""

    status: HealthStatus
    timestamp: datetime
    service: str
    version: str
    checks: dict[str, CheckResult]


class Memory(BaseModel):
    """Memory of the process, in bytes."""

    rss_bytes: int
    rss_bytes_max: int


class DetailedHealth(ServiceHealth):
    """Health with details of the process, and details of the service under its own names."""

    model_config = ConfigDict(extra="allow")

    uptime_s: float
    memory: Memory
    versions: dict[str, str]
