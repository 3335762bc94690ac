"""Wrong usage and invalid settings end with a clear message before anything is opened."""

import pytest

from analytics.service import SERVICE
from clawback_common.service.cli import main


@pytest.mark.parametrize("arguments", [["migrate", "--phase", "now"], ["dance"], []])
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(SERVICE, arguments)
    assert ended.value.code == 2
    assert "usage: analytics" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COUNT_BATCH_MAX", "501"),
        ("COUNT_SUBSCRIBERS", "0"),
        ("REDIS_CACHE_TTL", "0"),
        ("ENVIRONMENT", "production"),
    ],
)
def test_invalid_settings_end_with_2_and_a_message(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(SERVICE, ["migrate"])
    assert ended.value.code == 2
    assert name in capsys.readouterr().err
