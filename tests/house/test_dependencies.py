"""Each package declares what it imports, and each service can be installed alone."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("ingester", "compliance", "analytics", "alerting", "retention")
PACKAGES = ("contracts", "libs/common", *(f"services/{name}" for name in SERVICES))


def project(package: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = tomllib.loads((ROOT / package / "pyproject.toml").read_text())["project"]
    return found


def declared(package: str) -> set[str]:
    """Names of distributions, without extras and versions."""
    names = (re.split(r"[\[<>=! ;]", one)[0].lower() for one in project(package).get("dependencies", []))
    return set(names)


def imported(package: str) -> Iterator[str]:
    """The top-level modules that its source imports, and does not have itself."""
    source = ROOT / package / "src"
    own = {path.name for path in source.iterdir()}
    for path in source.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                top = node.module.split(".")[0]
                if top not in own:
                    yield top


@cache
def distributions() -> Mapping[str, list[str]]:
    """By top-level module."""
    return packages_distributions()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_declares_what_it_imports_and_nothing_else(package: str) -> None:
    known = {"clawback_contracts": ["clawback-contracts"], "clawback_common": ["clawback-common"]}
    known |= distributions()
    own = {path.name for path in (ROOT / package / "src").iterdir()}
    modules = set(imported(package)) - sys.stdlib_module_names - own - {"__future__"}
    bringing = [{one.lower().replace("_", "-") for one in known[module]} for module in modules]
    has = declared(package)
    assert [sorted(names) for names in bringing if not names & has] == []
    assert has - set().union(*bringing) - PLUGINS == set(), "nothing imports these"


PLUGINS = {"uvloop", "opentelemetry-exporter-otlp-proto-http"}
"""Used by name, or for what they bring."""


@pytest.mark.integration
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_can_be_installed_alone_and_imported(service: str, tmp_path: Path) -> None:
    uv, python = ROOT / ".venv/bin/uv", tmp_path / "venv/bin/python"
    env = {**os.environ, "UV_OFFLINE": "1", "UV_LINK_MODE": "hardlink"}

    def run(*arguments: str | Path) -> None:
        subprocess.run([*arguments], check=True, env=env, capture_output=True, timeout=100)  # noqa: S603 - our own

    run(uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    install = (uv, "pip", "install", "--quiet", "--python", python)
    run(*install, "--constraint", ROOT / "requirements/dev.txt", "hatchling", "editables")
    packages = [ROOT / name for name in ("contracts", "libs/common", f"services/{service}")]
    run(*install, "--constraint", ROOT / "requirements/dev.txt", "--no-build-isolation", *packages)
    run(python, "-c", f"import {service}.service, clawback_common.service.api")
