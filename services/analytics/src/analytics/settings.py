"""The settings of analytics."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import AnyHttpUrl, Field
from typing_extensions import override

from clawback_common.config.production import needs_file, needs_https
from clawback_common.config.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read from the environment; see ``ServiceSettings``."""

    api_port: int = 8003
    probe_port: int = 8103
    """The port of the roles api and worker, unless ``HTTP_PORT`` is set."""
    redis_cache_ttl: float = Field(3_600, ge=1, le=30 * 86_400)
    """Time to live in seconds of answers that are not requested again.

    Any change of a count makes all answers stale.
    """
    compliance_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8002")
    """The address from which orders are read that have expired from their topic."""
    compliance_api_key_file: Path | None = None
    """The API key for that; None if reads need no key."""
    count_subscribers: int = Field(3, ge=1, le=16)
    """Number of article batches processed concurrently."""
    count_batch_max: int = Field(500, ge=1, le=500)
    """Maximum number of articles per transaction."""

    @override
    def unsafe(self) -> Iterator[str]:
        yield from super().unsafe()
        yield from needs_https("COMPLIANCE_URL", self.compliance_url)
        yield from needs_file("COMPLIANCE_API_KEY_FILE", self.compliance_api_key_file)
