"""The metrics of compliance, from the start and before anything is late."""

import re
from pathlib import Path

import pytest

from clawback_common.telemetry import metrics as registry
from compliance.use_cases.watching import measure
from services.compliance.tests.integration.conftest import World

pytestmark = pytest.mark.integration
A, B = "metabase:1", "metabase:2"
README = Path(__file__).parents[2] / "README.md"


def _value(name: str, **labels: str) -> float | None:
    found: float | None = registry.REGISTRY.get_sample_value(name, labels)
    return found


async def test_every_holder_has_its_metrics_from_the_start(world: World) -> None:
    await measure(world.service)
    for holder in ("ingester", "search"):
        assert _value("compliance_overdue_items", holder=holder) == 0
        assert _value("compliance_at_risk_items", holder=holder) == 0
        assert _value("compliance_oldest_open_age_seconds", holder=holder) == 0
        assert _value("compliance_next_deadline_seconds", holder=holder) == float("inf")
    assert _value("compliance_waiting_requests_items", state="waiting") == 0


async def test_open_obligations_their_age_and_remaining_time_are_measured_by_holder(world: World) -> None:
    await world.revoke(A, revoked_at=world.ago(hours=2))
    world.clock.advance(hours=1)
    await world.revoke(B)
    await measure(world.service)
    states = [
        _value("compliance_open_obligations_items", holder="search", kind="revoked", state=state) or 0
        for state in ("open", "notified", "removed")
    ]
    assert sum(states) == 2
    assert _value("compliance_oldest_open_age_seconds", holder="search") == 3600
    assert _value("compliance_next_deadline_seconds", holder="search") == 21 * 3600
    world.clock.advance(hours=22)
    await measure(world.service)
    assert _value("compliance_next_deadline_seconds", holder="search") == -3600
    assert _value("compliance_overdue_items", holder="search") == 1


async def test_the_time_to_close_is_observed_once_for_each_holder(world: World) -> None:
    def observed(holder: str) -> tuple[float, float]:
        name = "compliance_obligation_closed_seconds"
        return _value(f"{name}_count", holder=holder) or 0, _value(f"{name}_sum", holder=holder) or 0

    before = {holder: observed(holder) for holder in ("ingester", "search")}
    (order,) = await world.revoke(A)
    world.clock.advance(minutes=2)
    await world.close(order)
    for holder, (count, seconds) in before.items():
        assert observed(holder) == (count + 1, seconds + 120)
    await world.receipts(world.receipt(order, "search"))
    assert observed("search")[0] == before["search"][0] + 1


def test_the_readme_names_every_metric_and_no_other() -> None:
    named = set(re.findall(r"`(compliance_[a-z_]+)`", README.read_text().partition("## Metrics")[2]))
    named -= {"compliance_records"}
    assert named == _declared()


def _declared() -> set[str]:
    families = {
        one.name: one.type for one in registry.REGISTRY.collect() if one.name.startswith("compliance_")
    }
    return {f"{name}_total" if kind == "counter" else name for name, kind in families.items()}
