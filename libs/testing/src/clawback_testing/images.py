"""Images built for real where a container engine answers; tests that need one are skipped in words where none does.

`PYTHON_IMAGE` names another base image than the one of the Dockerfile.
"""

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from clawback_local.places import ROOT

if TYPE_CHECKING:
    import docker

DEFAULT_ENGINE = "unix:///var/run/docker.sock"
BASE = os.environ.get("PYTHON_IMAGE", "python:3.11-slim-bookworm")


@contextmanager
def container_engine() -> Iterator["docker.DockerClient"]:
    """The engine of DOCKER_HOST or the usual socket, with a base image."""
    import docker  # noqa: PLC0415 - comes with testcontainers, and most tests need none
    from docker.errors import DockerException  # noqa: PLC0415

    host = os.environ.get("DOCKER_HOST", DEFAULT_ENGINE)
    if not _answers(host):
        pytest.skip(f"no container engine answers at {host}: images are neither built nor started")
    client = docker.DockerClient.from_env(timeout=600)
    try:
        if not client.images.list(name=BASE):
            client.images.pull(BASE)
    except DockerException as error:
        client.close()
        pytest.skip(
            f"the engine cannot get the base image {BASE} ({type(error).__name__}); PYTHON_IMAGE names another"
        )
    try:
        yield client
    finally:
        client.close()


def build(engine: "docker.DockerClient", images: Mapping[str, Mapping[str, str]]) -> None:
    """Images by tag, from their build arguments; the wheels are fetched on this side, so a build needs no network."""
    subprocess.run(["make", "wheels"], cwd=ROOT, check=True, timeout=600)  # noqa: S607 - the make of the path
    for tag, arguments in images.items():
        buildargs = {"PYTHON_IMAGE": BASE, "OFFLINE": "yes", **arguments}
        engine.images.build(path=str(ROOT), tag=tag, buildargs=buildargs, rm=True, forcerm=True)


def _answers(host: str) -> bool:
    """Whether something accepts connections there; the client itself leaks its socket when nothing does."""
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
