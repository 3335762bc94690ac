"""Holdings checks with control articles."""

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest
from pydantic import AnyHttpUrl

from clawback_common.clock import SystemClock
from clawback_contracts.holder.v1 import HolderKind, HolderRegistration
from clawback_contracts.revocation.v1 import ArticleRevoked, Outcome
from compliance.domain.obligation import CONTROLS, GRACE_PERIOD
from compliance.use_cases import holders, receipts
from compliance.use_cases.controls import Controls
from compliance.use_cases.verification import CLAIMS_MAX, HoldingsVerifier
from services.compliance.tests.integration.conftest import SEARCH, World
from services.compliance.tests.integration.fake_ingester import FakeIngester

pytestmark = pytest.mark.integration
A = "metabase:1"
LIVE = {f"metabase:live-{n}" for n in range(20)}


@pytest.fixture
def fake_ingester() -> FakeIngester:
    """An ingester that holds what it lists."""
    return FakeIngester(held=set(LIVE), listed=set(LIVE))


def _verifier(world: World, fake_ingester: FakeIngester) -> HoldingsVerifier:
    return HoldingsVerifier(world.service, fake_ingester.holdings(), Controls(fake_ingester.ingester()))


async def _removed(world: World) -> ArticleRevoked:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "ingester"))
    return order


async def _evidence(world: World) -> dict[str, Any]:
    found: str = await world.db.fetchval("SELECT evidence FROM obligation WHERE holder = 'ingester'")
    return dict(orjson.loads(found))


async def test_a_removal_is_verified_by_a_request_that_includes_controls(
    world: World, fake_ingester: FakeIngester
) -> None:
    await _removed(world)
    await _verifier(world, fake_ingester).verify()
    assert (await world.states(A))[1, "ingester"] == "verified"
    (request,) = fake_ingester.holdings_requests
    assert request[0] == A
    assert len(set(request) & LIVE) == CONTROLS
    evidence = await _evidence(world)
    proof = (evidence["proof"], evidence["controls"], evidence["applied_order"])
    assert proof == ("controls", CONTROLS, fake_ingester.applied)
    assert set(evidence["control_ids"]) == set(request) & LIVE


async def test_an_obligation_is_reopened_while_held(world: World, fake_ingester: FakeIngester) -> None:
    fake_ingester.held.add(A)
    await _removed(world)
    await _verifier(world, fake_ingester).verify()
    assert (await world.states(A))[1, "ingester"] == "open"


async def test_a_store_that_reports_everything_as_gone_proves_nothing(
    world: World, fake_ingester: FakeIngester
) -> None:
    fake_ingester.held.clear()
    await _removed(world)
    verifier = _verifier(world, fake_ingester)
    await verifier.verify()
    assert (await world.states(A))[1, "ingester"] == "removed"
    assert await world.alerts() == ["StoreAnswersWrongly"]
    fake_ingester.held |= LIVE
    await verifier.verify()
    assert (await world.states(A))[1, "ingester"] == "removed", "the next check is delayed"
    world.clock.advance(seconds=6)
    await verifier.verify()
    assert (await world.states(A))[1, "ingester"] == "verified"


async def test_a_control_taken_down_during_the_check_raises_no_alert(
    world: World, fake_ingester: FakeIngester
) -> None:
    await _removed(world)
    verifier = _verifier(world, fake_ingester)
    await verifier._controls.refresh(world.service)
    fake_ingester.held.clear()
    fake_ingester.listed.clear()
    await verifier.verify()
    assert (await world.states(A))[1, "ingester"] == "removed"
    assert await world.alerts() == []
    world.clock.advance(seconds=6)
    await verifier.verify()
    assert (await world.states(A))[1, "ingester"] == "verified", (
        "no controls are left; the applied order proves it"
    )
    assert (await _evidence(world))["proof"] == "order"


async def test_controls_are_fetched_again_while_the_ingester_lists_none(
    world: World, fake_ingester: FakeIngester
) -> None:
    controls = Controls(fake_ingester.ingester())
    fake_ingester.failing = 503
    await controls.refresh(world.service)
    fake_ingester.failing = None
    fake_ingester.listed.clear()
    assert (await controls.some(world.service)).ids == []
    fake_ingester.listed |= LIVE
    assert (await controls.some(world.service)).ids == []
    world.clock.advance(seconds=2)
    assert len((await controls.some(world.service)).ids) == CONTROLS


async def test_a_store_that_does_not_know_a_control_proves_nothing(
    world: World, fake_ingester: FakeIngester
) -> None:
    fake_ingester.answers = dict.fromkeys(LIVE, "unknown")
    await _removed(world)
    await _verifier(world, fake_ingester).verify()
    assert (await world.states(A))[1, "ingester"] == "removed"


@pytest.mark.parametrize("failing", [500, 404])
async def test_a_missing_answer_never_counts_as_gone(
    world: World, fake_ingester: FakeIngester, failing: int
) -> None:
    await _removed(world)
    verifier = _verifier(world, fake_ingester)
    fake_ingester.failing = failing
    await verifier.verify()
    assert (await world.states(A))[1, "ingester"] == "removed"
    fake_ingester.failing = None
    world.clock.advance(seconds=6)
    await verifier.verify()
    assert (await world.states(A))[1, "ingester"] == "verified"


async def test_an_unreadable_answer_never_counts_as_gone(world: World, fake_ingester: FakeIngester) -> None:
    fake_ingester.answers = {A: "perhaps"}
    await _removed(world)
    await _verifier(world, fake_ingester).verify()
    assert (await world.states(A))[1, "ingester"] == "removed"


async def test_a_store_without_an_address_proves_nothing(world: World, fake_ingester: FakeIngester) -> None:
    await _removed(world)
    service = replace(world.service, settings=world.service.settings.model_copy(update={"stores": {}}))
    await HoldingsVerifier(service, fake_ingester.holdings(), Controls(fake_ingester.ingester())).verify()
    assert (await world.states(A))[1, "ingester"] == "removed"


async def test_a_consumer_with_a_registered_address_is_checked_too(
    world: World, fake_ingester: FakeIngester
) -> None:
    holder = SEARCH.model_copy(
        update={"holdings_url": AnyHttpUrl("http://ingester/api/v1/ingester/holdings")}
    )
    await holders.holder_registered(holder, "operator", world.service)
    fake_ingester.held.add(A)
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "search"))
    verifier = _verifier(world, fake_ingester)
    await verifier.verify()
    assert (await world.states(A))[1, "search"] == "open"
    assert fake_ingester.holdings_requests == [[A]]


async def test_more_ids_than_fit_into_a_request_are_checked_in_several(
    world: World, fake_ingester: FakeIngester
) -> None:
    ids = [f"metabase:{n}" for n in range(600)]
    orders = await world.revoke(*ids)
    await world.receipts(*(world.receipt(order, "ingester") for order in orders))
    verifier = _verifier(world, fake_ingester)
    assert await verifier.verify()
    assert not await verifier.verify()
    assert [len(request) for request in fake_ingester.holdings_requests] == [
        CLAIMS_MAX + CONTROLS,
        600 - CLAIMS_MAX + CONTROLS,
    ]
    assert await world.db.fetchval("SELECT count(*) FROM obligation WHERE state = 'verified'") == 600


async def test_a_receipt_is_followed_by_a_holdings_check_immediately(
    world: World, fake_ingester: FakeIngester
) -> None:
    service = replace(world.service, clock=SystemClock())
    verifier = HoldingsVerifier(service, fake_ingester.holdings(), Controls(fake_ingester.ingester()))
    (order,) = await world.revoke(A)
    checking = asyncio.create_task(verifier.wait_and_verify())
    await receipts.on_receipts(world.received([world.receipt(order, "ingester")]), service)
    async with asyncio.timeout(0.9):
        await checking
        while (await world.states(A))[1, "ingester"] != "verified":  # noqa: ASYNC110 - a row, not an event
            await asyncio.sleep(0.01)


async def _removed_from_analytics(world: World, fake_ingester: FakeIngester) -> HoldingsVerifier:
    """Reports the removal from analytics; returns a verifier that has not checked it."""
    holder = HolderRegistration(
        name="analytics", kind=HolderKind.STORE, purpose="ours", copy_kinds=("content", "quarantine")
    )
    await holders.holder_registered(holder, "test", world.service)
    (order,) = await world.revoke(A)
    outcomes = {"content": Outcome.REMOVED, "quarantine": Outcome.NEVER_HELD}
    await world.receipts(world.receipt(order, "analytics", outcomes))
    address = AnyHttpUrl("http://analytics/api/v1/analytics/holdings")
    settings = world.service.settings.model_copy(update={"stores": {"analytics": address}})
    service = replace(world.service, settings=settings)
    return HoldingsVerifier(service, fake_ingester.holdings(), Controls(fake_ingester.ingester()))


async def _state_after_check(world: World, verifier: HoldingsVerifier) -> str:
    world.clock.advance(seconds=6)
    await verifier.verify()
    return (await world.states(A))[1, "analytics"]


async def test_a_store_that_lags_is_checked_again_and_raises_no_alert(
    world: World, fake_ingester: FakeIngester
) -> None:
    fake_ingester.not_in_analytics = set(LIVE)
    verifier = await _removed_from_analytics(world, fake_ingester)
    assert await _state_after_check(world, verifier) == "removed"
    assert await world.alerts() == []
    fake_ingester.not_in_analytics = set()
    assert await _state_after_check(world, verifier) == "verified"


async def test_a_store_that_misses_some_controls_is_verified_with_the_others(
    world: World, fake_ingester: FakeIngester
) -> None:
    fake_ingester.not_in_analytics = LIVE - {max(LIVE)}
    verifier = await _removed_from_analytics(world, fake_ingester)
    states = [await _state_after_check(world, verifier) for _ in range(len(LIVE) // CONTROLS)]
    assert states[-1] == "verified"
    assert await world.alerts() == []


async def test_a_store_that_misses_controls_beyond_the_grace_period_is_reported_as_unreliable(
    world: World, fake_ingester: FakeIngester
) -> None:
    fake_ingester.not_in_analytics = set(LIVE)
    verifier = await _removed_from_analytics(world, fake_ingester)
    for _ in range(len(LIVE) // CONTROLS):
        assert await _state_after_check(world, verifier) == "removed"
    world.clock.advance(seconds=GRACE_PERIOD.total_seconds())
    assert await _state_after_check(world, verifier) == "removed"
    assert await world.alerts() == ["StoreAnswersWrongly"]


async def test_recently_published_articles_are_controls_only_for_the_ingester(
    world: World, fake_ingester: FakeIngester
) -> None:
    fake_ingester.updated_at = world.clock.now()
    controls = Controls(fake_ingester.ingester())
    assert len((await controls.some(world.service)).ids) == CONTROLS
    assert (await controls.some(world.service, "analytics")).ids == []
    world.clock.advance(seconds=60)
    assert len((await controls.some(world.service, "analytics")).ids) == CONTROLS
