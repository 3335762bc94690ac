"""Wrong usage and invalid settings end with a clear message before anything is opened."""

from pathlib import Path

import pytest

from clawback_common.service.cli import main
from retention.service import SERVICE


@pytest.mark.parametrize(
    "arguments",
    [["sweep", "--wait", "soon"], ["sweep", "--wait", "-1"], ["sweep", "--class", "people"], ["dance"], []],
)
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(SERVICE, arguments)
    assert ended.value.code == 2
    assert "usage: retention" in capsys.readouterr().err


def test_invalid_settings_end_with_2_and_a_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(SystemExit) as ended:
        main(SERVICE, ["holds"])
    assert ended.value.code == 2
    assert "ENVIRONMENT=production needs" in capsys.readouterr().err


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
