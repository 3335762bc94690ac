"""Settings and files are read before anything is opened."""

from pathlib import Path

import pytest

from alerting.service import SERVICE, is_usable_address
from alerting.settings import Settings
from clawback_common.service.cli import main
from clawback_testing.production import production_env


@pytest.mark.parametrize(
    "written",
    [
        "ingester=http://a, ingester-worker=http://b",
        '{"ingester": "http://a", "ingester-worker": "http://b"}',
    ],
)
def test_services_is_a_list_or_json(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICES", written)
    found = {name: str(url) for name, url in Settings().services.items()}
    assert found == {"ingester": "http://a/", "ingester-worker": "http://b/"}


def test_an_invalid_routes_file_ends_the_worker_with_2_and_reports_every_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text("recipients: []\nreceivers:\n  - name: a\nroute: {receiver: b}\n")
    monkeypatch.setenv("ALERT_ROUTES", str(path))
    assert main(SERVICE, ["worker"]) == 2
    output = capsys.readouterr().err
    assert f"{path}:3: the receiver a reaches nobody" in output
    assert f"{path}:4: there is no receiver 'b'" in output


@pytest.mark.parametrize(("environment", "usable"), [("development", True), ("production", False)])
def test_outside_development_direct_channels_need_tls(
    environment: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    usable: bool,
) -> None:
    for name, value in production_env(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ENVIRONMENT", environment)
    settings = Settings()
    assert is_usable_address(settings, "json://room.example/") is usable
    assert is_usable_address(settings, "jsons://room.example/")
    assert not is_usable_address(settings, "nothing://at/all")
