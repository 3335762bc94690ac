"""Builds and starts the services in containers, if a container engine answers.

Kafka, PostgreSQL, Valkey, the simulator and the sinks are the local stack's, reached over the host's network: these
tests check our images only.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from clawback_local import Stack, parts
from clawback_local.config import DATABASES, ROOT, claimed
from clawback_testing.images import build, container_engine

pytestmark = [pytest.mark.container, pytest.mark.timeout(1500)]

SERVICES = DATABASES
PORTS = {f"{service}_{role}": 8000 for service in SERVICES for role in parts.ROLES}
IMAGES = {f"clawback-{service}:0.1.0": {"SERVICE": service} for service in SERVICES} | {
    "clawback-development:0.1.0": {
        "SERVICE": "clawback_simulator",
        "PACKAGES": "tests/simulator deploy/local",
        "REQUIREMENTS": "images",
    },
}


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    """The engine, with a base image."""
    with container_engine() as client:
        yield client


@pytest.fixture(scope="module")
def images(engine: docker.DockerClient) -> None:
    """Every image of docker-compose.yml."""
    build(engine, IMAGES)


@pytest.fixture(scope="module")
def servers() -> Iterator[Stack]:
    """The servers that the containers use."""
    with Stack(parts=("postgres", "topics", "simulator", "valkey", "mail", "sms")) as stack:
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
        """Runs a command that must succeed; returns its output."""
        files = ("-f", str(ROOT / "docker-compose.yml"), "-f", str(self._override))
        argv = (
            str(Path(sys.executable).parent / "docker-compose"),
            "-p",
            f"clawback-{os.getpid()}",
            *files,
            *words,
        )
        done = subprocess.run(  # noqa: S603 - our own arguments
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
        """Waits until a process is ready; not every engine runs health checks itself."""
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
        """Sends a GET to a published process; returns status and body."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[port]}{path}", timeout=10) as answer:
            return answer.status, json.loads(answer.read())


def settings(servers: Stack, ports: dict[str, int]) -> dict[str, str]:
    """Returns the addresses that docker-compose.yml takes from the environment."""
    env = servers.env
    addresses = {
        f"{service}{suffix}": f"http://127.0.0.1:{ports[f'{service}_{role}']}"
        for service in SERVICES
        for role, suffix in (("api", ""), ("worker", "-worker"))
    }
    stores = {name: f"{addresses[name]}/api/v1/{name}/holdings" for name in ("ingester", "analytics")}
    names = ("KAFKA_BOOTSTRAP_SERVERS", "METABASE_URL", "REDIS_URL", "SMTP_URL", "SMS_URL")
    databases = tuple(f"{service.upper()}_DATABASE_URL" for service in SERVICES)
    return {name: env[name] for name in (*names, *databases)} | {
        "INGESTER_URL": addresses["ingester"],
        "COMPLIANCE_URL": addresses["compliance"],
        "STORES": json.dumps(stores),
        "SERVICES": json.dumps(addresses),
    }


def override_text(ports: dict[str, int]) -> str:
    """Returns an override with the host's network instead of published ports, and ports of this test."""
    lines = ["services:"]
    for service in SERVICES:
        lines += [f"  {service}-migrate: {{network_mode: host}}"]
        for role in parts.ROLES:
            port = ports[f"{service}_{role}"]
            lines += [
                f"  {service}-{role}:",
                "    network_mode: host",
                "    ports: !reset []",
                f'    environment: {{HTTP_PORT: "{port}", HTTP_HOST: 127.0.0.1}}',
            ]
    return "\n".join(lines) + "\n"


def test_the_services_start_hardened_answer_and_drain(compose: Compose, engine: docker.DockerClient) -> None:
    compose("run", "--rm", "--no-deps", "keys")
    for service in SERVICES:
        compose("run", "--rm", "--no-deps", f"{service}-migrate")
    names = [f"{service}-{role}" for service in SERVICES for role in parts.ROLES]
    compose("up", "--detach", "--no-build", "--no-deps", *names)
    for port in PORTS:
        compose.wait_ready(port)
    for service in SERVICES:
        assert compose.get(f"{service}_api", f"/api/v1/{service}/health")[0] == 200

    once = ("run", "--rm", "--no-deps", "--entrypoint")
    key = compose(*once, "cat", "ingester-api", "/var/lib/clawback/keys/officer.key")
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
