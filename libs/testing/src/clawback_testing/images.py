"""Builds container images where a container engine is available; otherwise the tests are skipped with the reason.

`PYTHON_IMAGE` sets another base image than the one of the Dockerfile.
"""

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from clawback_local.config import ROOT

if TYPE_CHECKING:
    import docker

DEFAULT_ENGINE = "unix:///var/run/docker.sock"
BASE = os.environ.get("PYTHON_IMAGE", "python:3.11-slim-bookworm")


@contextmanager
def container_engine() -> Iterator["docker.DockerClient"]:
    """Yield the engine of DOCKER_HOST or of the default socket, with a base image."""
    import docker  # noqa: PLC0415 - part of testcontainers; most tests do not need it
    from docker.errors import DockerException  # noqa: PLC0415

    host = os.environ.get("DOCKER_HOST", DEFAULT_ENGINE)
    if not _responds(host):
        pytest.skip(f"no container engine at {host}: images are neither built nor started")
    client = docker.DockerClient.from_env(timeout=600)
    try:
        if not client.images.list(name=BASE):
            client.images.pull(BASE)
    except DockerException as error:
        client.close()
        pytest.skip(
            f"the engine cannot get the base image {BASE} ({type(error).__name__}); set PYTHON_IMAGE to use another"
        )
    try:
        yield client
    finally:
        client.close()


def build(engine: "docker.DockerClient", images: Mapping[str, Mapping[str, str]]) -> None:
    """Build images by tag from their build arguments. The wheels are downloaded here, so a build needs no network."""
    subprocess.run(["make", "wheels"], cwd=ROOT, check=True, timeout=600)  # noqa: S607 - make is found by the path
    for tag, arguments in images.items():
        buildargs = {"PYTHON_IMAGE": BASE, "OFFLINE": "yes", **arguments}
        engine.images.build(path=str(ROOT), tag=tag, buildargs=buildargs, rm=True, forcerm=True)


def _responds(host: str) -> bool:
    """Return whether something accepts connections there; Docker's client leaks its socket when nothing does."""
    address = urlsplit(host)
    family = socket.AF_UNIX if address.scheme == "unix" else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(5)
        try:
            probe.connect(
                address.path if family == socket.AF_UNIX else (address.hostname, address.port or 2375)
            )
        except OSError:
            return False
        return True
