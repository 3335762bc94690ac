"""The services in containers, built and started for real where a container engine answers.

`PYTHON_IMAGE` names another base image than the one of the Dockerfile. Kafka, PostgreSQL and the simulator are
the local stack's, reached over the host's network: what is tried here are our images.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
import pytest
from docker.errors import DockerException

from clawback_local import Stack
from clawback_local.places import CACHE, ROOT
from clawback_local.ports import claimed

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]

SERVICES = ("ingester", "compliance")
DEFAULT_ENGINE = "unix:///var/run/docker.sock"
DEFAULT_IMAGE = "python:3.11-slim-bookworm"
PORTS = {f"{service}_{role}": 8000 for service in SERVICES for role in ("worker", "api")}
BASE = os.environ.get("PYTHON_IMAGE", DEFAULT_IMAGE)
IMAGES = {
    "clawback-ingester:0.1.0": {"SERVICE": "ingester"},
    "clawback-compliance:0.1.0": {"SERVICE": "compliance"},
    "clawback-development:0.1.0": {
        "SERVICE": "clawback_simulator",
        "PACKAGES": "tests/simulator deploy/local",
        "REQUIREMENTS": "images",
    },
}


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    """The engine of DOCKER_HOST or the usual socket, with a base image; skips in words without."""
    host = os.environ.get("DOCKER_HOST", DEFAULT_ENGINE)
    if not answers(host):
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
    yield client
    client.close()


def answers(host: str) -> bool:
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


@pytest.fixture(scope="module")
def images(engine: docker.DockerClient) -> None:
    """Every image of docker-compose.yml, from wheels that are fetched on this side: a build needs no network."""
    subprocess.run(["make", "wheels"], cwd=ROOT, check=True, timeout=600)  # noqa: S607 - the make of the path
    assert any((CACHE / "wheels").iterdir())
    for tag, arguments in IMAGES.items():
        buildargs = {"PYTHON_IMAGE": BASE, "OFFLINE": "yes", **arguments}
        engine.images.build(path=str(ROOT), tag=tag, buildargs=buildargs, rm=True, forcerm=True)


@pytest.fixture(scope="module")
def servers() -> Iterator[Stack]:
    """What the containers talk to."""
    with Stack(parts=("postgres", "topics", "simulator")) as stack:
        yield stack


@pytest.fixture(scope="module")
def compose(images: None, servers: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Compose"]:
    """docker-compose.yml with the services' part on the host's network; everything is removed afterwards."""
    del images
    with claimed(PORTS, prefer_documented=False) as ports:
        override = tmp_path_factory.mktemp("compose") / "override.yml"
        override.write_text(override_text(ports))
        project = Compose(override, ports, settings(servers, ports))
        try:
            yield project
        finally:
            project("down", "--volumes", "--timeout", "5")


class Compose:
    """`docker-compose` for one project."""

    def __init__(self, override: Path, ports: dict[str, int], environment: dict[str, str]) -> None:
        self.ports = ports
        self._override = override
        self._environment = environment

    def __call__(self, *words: str) -> str:
        """What a command printed; it must succeed."""
        files = ("-f", str(ROOT / "docker-compose.yml"), "-f", str(self._override))
        argv = (
            str(Path(sys.executable).parent / "docker-compose"),
            "-p",
            f"clawback-{os.getpid()}",
            *files,
            *words,
        )
        done = subprocess.run(  # noqa: S603 - arguments are ours
            argv,
            env={**os.environ, **self._environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def wait_ready(self, port: str, deadline_s: float = 90) -> None:
        """Wait until a process says that it is ready; not every engine runs health checks by itself."""
        end = time.monotonic() + deadline_s
        while True:
            try:
                assert self.get(port, "/readyz")[0] == 200
            except OSError:
                assert time.monotonic() < end, f"{port} is not ready:\n{self('logs', '--tail', '20')}"
                time.sleep(0.2)
            else:
                return

    def get(self, port: str, path: str) -> tuple[int, Any]:
        """A GET on a published process: status and body."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[port]}{path}", timeout=10) as answer:
            return answer.status, json.loads(answer.read())


def settings(servers: Stack, ports: dict[str, int]) -> dict[str, str]:
    """The addresses that docker-compose.yml takes from the environment."""
    env = servers.env
    ingester = f"http://127.0.0.1:{ports['ingester_api']}"
    names = ("KAFKA_BOOTSTRAP_SERVERS", "INGESTER_DATABASE_URL", "COMPLIANCE_DATABASE_URL", "METABASE_URL")
    stores = json.dumps({"ingester": f"{ingester}/api/v1/ingester/holdings"})
    return {name: env[name] for name in names} | {"INGESTER_URL": ingester, "STORES": stores}


def override_text(ports: dict[str, int]) -> str:
    """The host's network instead of published ports, and ports of this test."""
    lines = ["services:"]
    for service in SERVICES:
        lines += [f"  {service}-migrate: {{network_mode: host}}"]
        for role in ("worker", "api"):
            port = ports[f"{service}_{role}"]
            lines += [
                f"  {service}-{role}:",
                "    network_mode: host",
                "    ports: !reset []",
                f'    environment: {{HTTP_PORT: "{port}", HTTP_HOST: 127.0.0.1}}',
            ]
    return "\n".join(lines) + "\n"


def test_the_services_come_up_hardened_answer_and_drain(
    compose: Compose, engine: docker.DockerClient
) -> None:
    compose("run", "--rm", "--no-deps", "keys")
    for service in SERVICES:
        compose("run", "--rm", "--no-deps", f"{service}-migrate")
    names = [f"{service}-{role}" for service in SERVICES for role in ("worker", "api")]
    compose("up", "--detach", "--no-build", "--no-deps", *names)
    for port in PORTS:
        compose.wait_ready(port)
    for service in SERVICES:
        assert compose.get(f"{service}_api", f"/api/v1/{service}/health")[0] == 200

    once = ("run", "--rm", "--no-deps", "--entrypoint")
    key = compose(*once, "cat", "keys", "/var/lib/clawback/keys/officer.key")
    assert "cbk_officer_" in key
    containers = {name: engine.containers.get(compose("ps", "-q", name).strip()) for name in names}
    for name, container in containers.items():
        assert container.attrs["HostConfig"]["ReadonlyRootfs"]
        assert container.attrs["Config"]["User"] == "65532:65532"
        _, python, *probe = container.attrs["Config"]["Healthcheck"]["Test"]
        compose(*once, python, name, *probe)
    compose("stop")
    for name, container in containers.items():
        container.reload()
        assert container.attrs["State"]["ExitCode"] == 0, f"{name} did not end in good order"
