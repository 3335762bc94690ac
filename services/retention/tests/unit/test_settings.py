"""Settings and files are read before anything is opened."""

from pathlib import Path

import pytest

from clawback_common.service.cli import main
from retention.service import SERVICE


@pytest.mark.parametrize("role", ["worker", "api", "sweep", "holds", "migrate"])
def test_an_invalid_policies_file_ends_every_role_with_2_and_reports_the_lines(
    role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "policies.yaml"
    path.write_text("policies:\n  articles:\n    age: 2 yeers\n")
    monkeypatch.setenv("POLICIES", str(path))
    assert main(SERVICE, [role]) == 2
    output = capsys.readouterr().err
    assert f"{path}:2: policies.articles: the key owners is missing" in output
