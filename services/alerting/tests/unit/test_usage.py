"""Wrong usage and invalid settings end with a clear message before anything is opened."""

from pathlib import Path

import pytest

from alerting.service import SERVICE, is_usable_address
from alerting.settings import Settings
from clawback_common.service.cli import main
from clawback_testing.production import production_env


@pytest.mark.parametrize("arguments", [["test", "--wait", "soon"], ["test", "--wait", "-1"], ["dance"], []])
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(SERVICE, arguments)
    assert ended.value.code == 2
    assert "usage: alerting" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"SMTP_URL": "http://mail"}, "SMTP_URL needs one of"),
        ({"SMTP_URL": "smtp://"}, "SMTP_URL needs one of"),
        ({"SMS_URL": "twilio://token/number"}, "SMS_URL is neither"),
        ({"SEND_TIMEOUT_S": "60"}, "SEND_TIMEOUT_S"),
        ({"SERVICES": "{no json"}, "neither name=address"),
        ({"SERVICES": "stranger=http://a"}, "stranger: unknown; the services are"),
        ({"SERVICES": "ingester=no address"}, "SERVICES_INGESTER"),
        ({"ENVIRONMENT": "production"}, "ENVIRONMENT=production"),
    ],
)
def test_invalid_settings_end_with_2_and_a_message(
    environment: dict[str, str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(SERVICE, ["migrate"])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


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
