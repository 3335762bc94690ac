"""Retention's settings."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import AnyHttpUrl
from typing_extensions import override

from clawback_common.config.production import needs_file, needs_https
from clawback_common.config.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read from the environment; see ``ServiceSettings``."""

    api_port: int = 8005
    probe_port: int = 8105
    """Of the roles api and worker, unless ``HTTP_PORT`` says otherwise."""
    policies: Path | None = None
    """A YAML file; None: the one that is packaged."""
    ingester_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8001")
    """Asked which articles that a hold names are held."""
    ingester_api_key_file: Path | None = None
    """A key for that; none where reads need none."""

    @override
    def unsafe(self) -> Iterator[str]:
        yield from super().unsafe()
        yield from needs_https("INGESTER_URL", self.ingester_url)
        yield from needs_file("INGESTER_API_KEY_FILE", self.ingester_api_key_file)
