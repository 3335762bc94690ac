"""The settings of retention."""

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
    """The port of the roles api and worker, unless ``HTTP_PORT`` is set."""
    policies: Path | None = None
    """A YAML file; None: the packaged one."""
    ingester_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8001")
    """The address at which retention checks which articles of a hold are held."""
    ingester_api_key_file: Path | None = None
    """The API key for that; None if reads need no key."""

    @override
    def unsafe(self) -> Iterator[str]:
        yield from super().unsafe()
        yield from needs_https("INGESTER_URL", self.ingester_url)
        yield from needs_file("INGESTER_API_KEY_FILE", self.ingester_api_key_file)
