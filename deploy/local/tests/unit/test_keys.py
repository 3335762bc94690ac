"""Keys for partners: a service accepts the printed key, and a restart of the stack keeps it."""

from pathlib import Path

import pytest
import yaml

from clawback_common.http.api_keys import ApiKeys
from clawback_local import StackError, keys
from clawback_local.__main__ import main
from clawback_local.config import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path)
    made.create()
    keys.create(made)
    return made


def known(paths: Paths) -> ApiKeys:
    return ApiKeys(paths.keys / keys.API_KEYS_FILE)


def test_a_created_key_is_accepted_with_its_role_and_providers(paths: Paths) -> None:
    key, _ = keys.partner_key(paths, "acme", "upstream", ["acme", "acme-wire"])
    caller = known(paths).caller(key)
    assert caller is not None
    assert caller.subject == "acme"
    assert caller.roles == {"upstream"}
    assert caller.providers == {"acme", "acme-wire"}


def test_the_entry_is_valid_and_does_not_contain_the_key(paths: Paths, tmp_path: Path) -> None:
    key, entry = keys.partner_key(paths, "search.eu", "holder")
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(entry)
    assert key not in entry
    caller = ApiKeys(elsewhere).caller(key)
    assert caller is not None
    assert caller.subject == "search.eu"


def test_a_restart_keeps_the_key_and_repeating_the_command_replaces_its_permissions(paths: Paths) -> None:
    first, _ = keys.partner_key(paths, "acme", "upstream", ["acme"])
    again, _ = keys.partner_key(paths, "acme", "licensor", ["other"])
    keys.create(paths)
    caller = known(paths).caller(first)
    assert again == first
    assert caller is not None
    assert caller.roles == {"licensor"}
    assert caller.providers == {"other"}
    subjects = [entry["subject"] for entry in yaml.safe_load((paths.keys / keys.API_KEYS_FILE).read_text())]
    assert len(subjects) == len(set(subjects))


@pytest.mark.parametrize(
    ("subject", "role", "providers", "words"),
    [
        ("", "holder", [], "a subject consists of"),
        ("../officer", "holder", [], "a subject consists of"),
        ("officer", "holder", [], "a subject of the stack itself"),
        ("acme", "king", [], "there is no role 'king'"),
        ("acme", "upstream", [], "needs provider="),
        ("acme", "licensor", ["ACME"], "a provider consists of"),
    ],
)
def test_invalid_arguments_are_rejected_by_name(
    paths: Paths, subject: str, role: str, providers: list[str], words: str
) -> None:
    before = (paths.keys / keys.API_KEYS_FILE).read_text()
    with pytest.raises(StackError, match=words):
        keys.partner_key(paths, subject, role, providers)
    assert (paths.keys / keys.API_KEYS_FILE).read_text() == before


def test_the_command_prints_the_key_and_the_entry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--run-dir", str(tmp_path), "keys", "--subject", "search", "--role", "holder", "--provider", ""]
    assert main(words) == 0
    output = capsys.readouterr().out
    key = (tmp_path / "keys/search.key").read_text().strip()
    assert output.startswith(f"key (for its owner only): {key}\n")
    assert "- subject: search\n  roles:\n  - holder\n  sha256: " in output
