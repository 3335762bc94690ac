"""Every command of the documents is known: it runs as written in the end-to-end tests, or where it is said to."""

import os
import re
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.docs.commands import DOCUMENTS, PROGRAMS, ROOT, WHERE, Elsewhere, Here, commands

COMMANDS = commands()
TARGET = re.compile(r"^([a-z][a-z0-9 -]*):(?!=)", re.MULTILINE)
MADE = re.compile(r"`make ([a-z][a-z0-9-]*)[^`]*`")


def test_the_documents_have_commands() -> None:
    assert len(COMMANDS) > 40
    assert {"README.md", "docs/partners.md"} <= {command.document for command in COMMANDS}


def test_every_command_of_the_documents_runs_somewhere() -> None:
    assert [command for command in COMMANDS if command.where is None] == []


def test_every_command_that_is_run_is_in_a_document() -> None:
    written = {command.text for command in COMMANDS}
    assert sorted(set(WHERE) - written) == []
    assert [program for program in PROGRAMS if not any(program in text for text in written)] == []


@pytest.mark.parametrize("text", [text for text, where in WHERE.items() if isinstance(where, Elsewhere)])
def test_what_runs_elsewhere_runs_there(text: str) -> None:
    where = WHERE[text]
    assert isinstance(where, Elsewhere)
    assert Path(where.test).name.startswith("test_")
    assert where.words in (ROOT / where.test).read_text()
    if where.by is not None:
        file, words = where.by
        assert words in (ROOT / file).read_text()


@pytest.mark.parametrize(
    ("text", "where"), [(text, one) for text, one in WHERE.items() if isinstance(one, Here) and one.instead]
)
def test_what_runs_without_its_cluster_is_the_same_program_with_the_same_arguments(
    text: str, where: Here
) -> None:
    """In an image, `service` is the service's own program."""
    reached = re.fullmatch(r"kubectl -n clawback exec deploy/([a-z]+)-worker -- service (.+)", text)
    assert reached is not None
    assert where.instead == f"python -m {reached[1]} {reached[2]}"
    assert where.service == reached[1]
    image = (ROOT / "Dockerfile").read_text()
    assert 'exec /opt/clawback/bin/python -m %s "$@"' in image
    assert "> /opt/clawback/bin/service" in image


def test_every_target_that_a_document_names_is_made() -> None:
    made = {name for line in TARGET.findall((ROOT / "Makefile").read_text()) for name in line.split()}
    named = {name for document in DOCUMENTS for name in MADE.findall(document.read_text())}
    assert len(named) > 5
    assert sorted(named - made) == []


@pytest.mark.parametrize("variable", ["UV_SYSTEM_CERTS", "PIP_CERT", "NODE_EXTRA_CA_CERTS"])
def test_what_set_up_downloads_is_checked_with_the_systems_certificates(variable: str) -> None:
    """Behind a proxy its certificate is in the system's store; what the user has set stays."""
    show = ["make", "--eval", f"show: ; @echo ${variable}".replace("$", "$$"), "show"]
    bare = {name: value for name, value in os.environ.items() if name != variable}

    def shown(env: dict[str, str]) -> str:
        run = subprocess.run(show, cwd=ROOT, env=env, capture_output=True, text=True, check=True)  # noqa: S603 - ours
        return run.stdout.strip()

    default = shown(bare)
    assert shown({**bare, variable: "/mine"}) == "/mine"
    if variable == "UV_SYSTEM_CERTS":
        assert default == "true"
    else:
        assert ssl.create_default_context(cafile=default).get_ca_certs()
