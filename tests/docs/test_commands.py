"""Every command of the documents is known: it runs as written in the end-to-end tests, or where it is said to."""

import re

import pytest

from tests.docs.commands import DOCUMENTS, PROGRAMS, ROOT, WHERE, Elsewhere, commands

COMMANDS = commands()
TARGET = re.compile(r"^([a-z][a-z0-9 -]*):(?!=)", re.MULTILINE)
MADE = re.compile(r"`make ([a-z-]+)[^`]*`")


def test_the_documents_have_commands() -> None:
    assert len(COMMANDS) > 40
    assert {"README.md", "docs/partners.md"} <= {command.document for command in COMMANDS}


def test_every_command_of_the_documents_runs_somewhere() -> None:
    assert [command for command in COMMANDS if command.where is None] == []


def test_every_command_that_is_run_stands_in_a_document() -> None:
    written = {command.text for command in COMMANDS}
    assert sorted(set(WHERE) - written) == []
    assert [program for program in PROGRAMS if not any(program in text for text in written)] == []


@pytest.mark.parametrize("text", [text for text, where in WHERE.items() if isinstance(where, Elsewhere)])
def test_what_runs_elsewhere_runs_there(text: str) -> None:
    where = WHERE[text]
    assert isinstance(where, Elsewhere)
    assert where.words in (ROOT / where.test).read_text()


def test_every_target_that_a_document_names_is_made() -> None:
    made = {name for line in TARGET.findall((ROOT / "Makefile").read_text()) for name in line.split()}
    named = {name for document in DOCUMENTS for name in MADE.findall(document.read_text())}
    assert len(named) > 5
    assert sorted(named - made) == []
