"""Settings and files are read before anything is opened."""

import pytest

from clawback_contracts.holder.v1 import HolderKind
from compliance.domain.holder import own_holders
from compliance.settings import Settings


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
