"""Retention's settings."""

from pathlib import Path

from clawback_common.settings import CommonSettings


class Settings(CommonSettings):
    """Read from the environment; see ``CommonSettings``."""

    api_port: int = 8005
    probe_port: int = 8105
    """Of the roles api and worker, unless ``HTTP_PORT`` says otherwise."""
    policies: Path | None = None
    """A YAML file; None: the one that is packaged."""
