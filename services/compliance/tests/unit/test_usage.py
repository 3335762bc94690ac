"""Wrong usage and settings are reported before anything is changed."""

import pytest

from clawback_common.service.cli import main
from clawback_contracts.holder.v1 import HolderKind
from compliance.domain.holder import own_holders
from compliance.service import SERVICE
from compliance.settings import Settings


@pytest.mark.parametrize("arguments", [["run", "--wait", "soon"], ["run", "--wait", "-1"], ["dance"], []])
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(SERVICE, arguments)
    assert ended.value.code == 2
    assert "usage: compliance" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"COMPLIANCE": "required"}, "REVOCATION_FEEDS and TAKEDOWN_DEADLINE_H"),
        ({"COMPLIANCE": "required", "REVOCATION_FEEDS": "a"}, "needs TAKEDOWN_DEADLINE_H"),
        ({"COMPLIANCE": "required", "TAKEDOWN_DEADLINE_H": "24"}, "needs REVOCATION_FEEDS"),
        ({"TAKEDOWN_DEADLINE_H": "-1"}, "TAKEDOWN_DEADLINE_H"),
        ({"ENVIRONMENT": "production"}, "ENVIRONMENT=production"),
        ({"STORES": "{no json"}, "STORES: neither"),
        ({"STORES": "no address"}, "STORES_no address".upper()),
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
        main(SERVICE, ["health"])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_required_with_a_feed_and_a_deadline_is_not_mock(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "COMPLIANCE": "required",
        "REVOCATION_FEEDS": "one, two,",
        "TAKEDOWN_DEADLINE_H": "12",
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert (settings.mock, settings.feed_names) == (False, ("one", "two"))


@pytest.mark.parametrize(
    "written",
    [
        "ingester=http://a/holdings, analytics=http://b/holdings",
        '{"ingester": "http://a/holdings", "analytics": "http://b/holdings"}',
    ],
)
def test_our_stores_and_the_brokers_are_registered_automatically(
    written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORES", written)
    settings = Settings()
    found = {one.name: one for one in own_holders(settings.stores, {}, 8)}
    assert {name: one.kind for name, one in found.items()} == {
        "analytics": HolderKind.STORE,
        "ingester": HolderKind.STORE,
        "kafka": HolderKind.EXPIRY,
    }
    assert found["ingester"].copy_kinds == found["analytics"].copy_kinds == ("content", "quarantine")
    assert (found["ingester"].group, found["analytics"].group) == (None, "analytics"), (
        "our own consumer group is registered"
    )
