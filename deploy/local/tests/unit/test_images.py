"""The image and docker-compose.yml as files: valid, linted, and with the same parts as the local stack."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clawback_local import parts
from clawback_local.config import DATABASES, ROOT
from clawback_local.parts import ROLES

BIN = Path(sys.executable).parent
ADDRESSES = ("_URL", "_SERVERS", "STORES", "SERVICES")


def run(*argv: str) -> str:
    """Runs a tool that must succeed; returns its output."""
    clean = {name: value for name, value in os.environ.items() if not name.endswith(ADDRESSES)}
    done = subprocess.run(  # noqa: S603 - our own arguments
        argv, cwd=ROOT, env=clean, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """docker-compose.yml as parsed by Compose."""
    text = run(str(BIN / "docker-compose"), "config", "--format", "json")
    services: dict[str, Any] = json.loads(text)["services"]
    return services


def test_the_dockerfile_is_clean() -> None:
    run(str(BIN / "hadolint"), "Dockerfile")


def test_the_compose_file_is_hardened() -> None:
    run(
        str(BIN / "compose-lint"),
        "check",
        "--strict-config",
        "--fail-on",
        "low",
        "--quiet",
        "docker-compose.yml",
    )


def test_compose_has_the_parts_of_the_local_stack(compose: dict[str, Any]) -> None:
    assert set(compose) == {*parts.parts({}), "databases"}


@pytest.mark.parametrize("service", DATABASES)
@pytest.mark.parametrize("role", ROLES)
def test_a_process_gets_the_same_settings_in_both_stacks(
    compose: dict[str, Any], service: str, role: str
) -> None:
    name = f"{service}-{role}"
    # The local stack passes the whole environment on; Compose only names without a value.
    given = {setting for setting, value in compose[name]["environment"].items() if value is not None}
    assert given == {*parts.parts({})[name].env, "LOG_FORMAT"}


def test_every_published_port_is_on_loopback_only(compose: dict[str, Any]) -> None:
    ports = [port for part in compose.values() for port in part.get("ports", ())]
    assert ports
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_every_part_that_stays_has_a_health_check(compose: dict[str, Any]) -> None:
    staying = [name for name, part in compose.items() if part.get("restart") == "unless-stopped"]
    assert [name for name in staying if "healthcheck" not in compose[name]] == []


def test_images_are_installed_from_the_same_versions_as_the_tests() -> None:
    def pins(name: str) -> set[str]:
        lines = (ROOT / "requirements" / name).read_text().splitlines()
        return {line.split()[0] for line in lines if "==" in line and not line.startswith((" ", "#"))}

    assert pins("runtime.txt") <= pins("images.txt") <= pins("dev.txt")
    assert pins("build.txt") <= pins("dev.txt")
