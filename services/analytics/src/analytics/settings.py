"""The settings of analytics."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import AnyHttpUrl, Field, SecretStr
from typing_extensions import override

from clawback_common.config.production import needs_file, needs_https, needs_safe_redis
from clawback_common.config.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read from the environment; see ``ServiceSettings``."""

    api_port: int = 8003
    probe_port: int = 8103
    """Of the roles api and worker, unless ``HTTP_PORT`` says otherwise."""
    redis_url: SecretStr | None = None
    """``redis://host:port/database``, where answers are kept. None: each is computed anew."""
    redis_cache_ttl: float = Field(3_600, ge=1, le=30 * 86_400)
    """Seconds. An answer is dropped with the first change of a count; this bounds what nobody asks for again."""
    compliance_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8002")
    """Asked for all orders when our database stands before the start of their topic."""
    compliance_api_key_file: Path | None = None
    """A key for that; none where reads need none."""
    count_subscribers: int = Field(3, ge=1, le=16)
    """Batches of articles in work at once."""
    count_batch_max: int = Field(500, ge=1, le=500)
    """Articles in one transaction."""

    @override
    def unsafe(self) -> Iterator[str]:
        yield from super().unsafe()
        yield from needs_https("COMPLIANCE_URL", self.compliance_url)
        yield from needs_file("COMPLIANCE_API_KEY_FILE", self.compliance_api_key_file)
        if self.redis_url is not None:
            yield from needs_safe_redis("REDIS_URL", self.redis_url.get_secret_value())
