"""Looking at holders, with what must be there among what must be gone."""

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest
from pydantic import AnyHttpUrl

from clawback_common.clock import SystemClock
from clawback_contracts.holder.v1 import HolderKind, HolderRegistration
from clawback_contracts.revocation.v1 import ArticleRevoked, Outcome
from compliance import use_cases
from compliance.domain.obligation import CONTROLS, GRACE_PERIOD
from compliance.use_cases.controls import Controls
from compliance.use_cases.verification import CLAIMS_MAX, HoldingsVerifier
from services.compliance.tests.integration.conftest import SEARCH, World
from services.compliance.tests.integration.neighbours import Neighbour

pytestmark = pytest.mark.integration
A = "metabase:1"
LIVE = {f"metabase:live-{n}" for n in range(20)}


@pytest.fixture
def neighbour() -> Neighbour:
    """It holds what it lists."""
    return Neighbour(held=set(LIVE), listed=set(LIVE))


def _verifier(world: World, neighbour: Neighbour) -> HoldingsVerifier:
    return HoldingsVerifier(world.service, neighbour.holdings(), Controls(neighbour.ingester()))


async def _removed(world: World) -> ArticleRevoked:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "ingester"))
    return order


async def _evidence(world: World) -> dict[str, Any]:
    found: str = await world.db.fetchval("SELECT evidence FROM obligation WHERE holder = 'ingester'")
    return dict(orjson.loads(found))


async def test_what_is_gone_is_verified_and_the_question_has_controls(
    world: World, neighbour: Neighbour
) -> None:
    await _removed(world)
    await _verifier(world, neighbour).verify()
    assert (await world.states(A))[1, "ingester"] == "verified"
    (question,) = neighbour.questions
    assert question[0] == A
    assert len(set(question) & LIVE) == CONTROLS
    evidence = await _evidence(world)
    proven = (evidence["proof"], evidence["controls"], evidence["applied_order"])
    assert proven == ("controls", CONTROLS, neighbour.applied)
    assert set(evidence["control_ids"]) == set(question) & LIVE


async def test_a_store_that_still_holds_it_owes_it_again(world: World, neighbour: Neighbour) -> None:
    neighbour.held.add(A)
    await _removed(world)
    await _verifier(world, neighbour).verify()
    assert (await world.states(A))[1, "ingester"] == "open"


async def test_a_store_that_calls_everything_gone_proves_nothing(world: World, neighbour: Neighbour) -> None:
    neighbour.held.clear()
    await _removed(world)
    verifier = _verifier(world, neighbour)
    await verifier.verify()
    assert (await world.states(A))[1, "ingester"] == "removed"
    assert await world.alerts() == ["StoreAnswersWrongly"]
    neighbour.held |= LIVE
    await verifier.verify()
    assert (await world.states(A))[1, "ingester"] == "removed", "it is left alone for a moment"
    world.clock.advance(seconds=6)
    await verifier.verify()
    assert (await world.states(A))[1, "ingester"] == "verified"


async def test_a_control_that_was_taken_down_meanwhile_accuses_nobody(
    world: World, neighbour: Neighbour
) -> None:
    await _removed(world)
    verifier = _verifier(world, neighbour)
    await verifier._controls.refresh(world.service)
    neighbour.held.clear()
    neighbour.listed.clear()
    await verifier.verify()
    assert (await world.states(A))[1, "ingester"] == "removed"
    assert await world.alerts() == []
    world.clock.advance(seconds=6)
    await verifier.verify()
    assert (await world.states(A))[1, "ingester"] == "verified", (
        "nothing is left to be held; the row has the order"
    )
    assert (await _evidence(world))["proof"] == "order"


async def test_an_ingester_that_has_just_begun_is_asked_again_for_what_must_be_held(
    world: World, neighbour: Neighbour
) -> None:
    controls = Controls(neighbour.ingester())
    neighbour.failing = 503
    await controls.refresh(world.service)
    neighbour.failing = None
    neighbour.listed.clear()
    assert (await controls.some(world.service)).ids == []
    neighbour.listed |= LIVE
    assert (await controls.some(world.service)).ids == []
    world.clock.advance(seconds=2)
    assert len((await controls.some(world.service)).ids) == CONTROLS


async def test_a_store_that_does_not_know_of_a_control_is_not_believed(
    world: World, neighbour: Neighbour
) -> None:
    neighbour.answers = dict.fromkeys(LIVE, "unknown")
    await _removed(world)
    await _verifier(world, neighbour).verify()
    assert (await world.states(A))[1, "ingester"] == "removed"


@pytest.mark.parametrize("failing", [500, 404])
async def test_no_answer_is_never_gone(world: World, neighbour: Neighbour, failing: int) -> None:
    await _removed(world)
    verifier = _verifier(world, neighbour)
    neighbour.failing = failing
    await verifier.verify()
    assert (await world.states(A))[1, "ingester"] == "removed"
    neighbour.failing = None
    world.clock.advance(seconds=6)
    await verifier.verify()
    assert (await world.states(A))[1, "ingester"] == "verified"


async def test_an_unreadable_answer_is_never_gone(world: World, neighbour: Neighbour) -> None:
    neighbour.answers = {A: "perhaps"}
    await _removed(world)
    await _verifier(world, neighbour).verify()
    assert (await world.states(A))[1, "ingester"] == "removed"


async def test_a_store_without_an_address_is_not_believed(world: World, neighbour: Neighbour) -> None:
    await _removed(world)
    lost = replace(world.service, settings=world.service.settings.model_copy(update={"stores": {}}))
    await HoldingsVerifier(lost, neighbour.holdings(), Controls(neighbour.ingester())).verify()
    assert (await world.states(A))[1, "ingester"] == "removed"


async def test_a_consumer_that_registered_an_address_is_looked_at_as_well(
    world: World, neighbour: Neighbour
) -> None:
    there = SEARCH.model_copy(update={"holdings_url": AnyHttpUrl("http://ingester/api/v1/ingester/holdings")})
    await use_cases.holder_registered(there, "operator", world.service)
    neighbour.held.add(A)
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "search"))
    verifier = _verifier(world, neighbour)
    await verifier.verify()
    assert (await world.states(A))[1, "search"] == "open"
    assert neighbour.questions == [[A]]


async def test_more_than_a_question_holds_is_asked_in_turns(world: World, neighbour: Neighbour) -> None:
    ids = [f"metabase:{n}" for n in range(600)]
    orders = await world.revoke(*ids)
    await world.receipts(*(world.receipt(order, "ingester") for order in orders))
    verifier = _verifier(world, neighbour)
    assert await verifier.verify()
    assert not await verifier.verify()
    assert [len(question) for question in neighbour.questions] == [
        CLAIMS_MAX + CONTROLS,
        600 - CLAIMS_MAX + CONTROLS,
    ]
    assert await world.db.fetchval("SELECT count(*) FROM obligation WHERE state = 'verified'") == 600


async def test_a_receipt_is_followed_by_a_look_at_once(world: World, neighbour: Neighbour) -> None:
    service = replace(world.service, clock=SystemClock())
    verifier = HoldingsVerifier(service, neighbour.holdings(), Controls(neighbour.ingester()))
    (order,) = await world.revoke(A)
    round_ = asyncio.create_task(verifier.wait_and_verify())
    await use_cases.on_receipts(world.received([world.receipt(order, "ingester")]), service)
    async with asyncio.timeout(0.9):
        await round_
        while (await world.states(A))[1, "ingester"] != "verified":  # noqa: ASYNC110 - a row, not an event
            await asyncio.sleep(0.01)


async def _removed_from_analytics(world: World, neighbour: Neighbour) -> HoldingsVerifier:
    """It says so; nobody has looked."""
    there = HolderRegistration(
        name="analytics", kind=HolderKind.STORE, purpose="ours", copy_kinds=("content", "quarantine")
    )
    await use_cases.holder_registered(there, "test", world.service)
    (order,) = await world.revoke(A)
    said = {"content": Outcome.REMOVED, "quarantine": Outcome.NEVER_HELD}
    await world.receipts(world.receipt(order, "analytics", said))
    address = AnyHttpUrl("http://analytics/api/v1/analytics/holdings")
    settings = world.service.settings.model_copy(update={"stores": {"analytics": address}})
    service = replace(world.service, settings=settings)
    return HoldingsVerifier(service, neighbour.holdings(), Controls(neighbour.ingester()))


async def _looked(world: World, verifier: HoldingsVerifier) -> str:
    world.clock.advance(seconds=6)
    await verifier.verify()
    return (await world.states(A))[1, "analytics"]


async def test_a_store_that_is_behind_is_asked_again_and_accused_of_nothing(
    world: World, neighbour: Neighbour
) -> None:
    neighbour.behind = set(LIVE)
    verifier = await _removed_from_analytics(world, neighbour)
    assert await _looked(world, verifier) == "removed"
    assert await world.alerts() == []
    neighbour.behind = set()
    assert await _looked(world, verifier) == "verified"


async def test_a_store_that_is_behind_with_some_is_believed_for_what_it_holds_of_the_others(
    world: World, neighbour: Neighbour
) -> None:
    neighbour.behind = LIVE - {max(LIVE)}
    verifier = await _removed_from_analytics(world, neighbour)
    states = [await _looked(world, verifier) for _ in range(len(LIVE) // CONTROLS)]
    assert states[-1] == "verified"
    assert await world.alerts() == []


async def test_a_store_that_misses_what_it_must_hold_for_long_answers_wrongly(
    world: World, neighbour: Neighbour
) -> None:
    neighbour.behind = set(LIVE)
    verifier = await _removed_from_analytics(world, neighbour)
    for _ in range(len(LIVE) // CONTROLS):
        assert await _looked(world, verifier) == "removed"
    world.clock.advance(seconds=GRACE_PERIOD.total_seconds())
    assert await _looked(world, verifier) == "removed"
    assert await world.alerts() == ["StoreAnswersWrongly"]


async def test_what_has_just_been_published_is_asked_of_the_ingester_alone(
    world: World, neighbour: Neighbour
) -> None:
    neighbour.updated_at = world.clock.now()
    controls = Controls(neighbour.ingester())
    assert len((await controls.some(world.service)).ids) == CONTROLS
    assert (await controls.some(world.service, "analytics")).ids == []
    world.clock.advance(seconds=60)
    assert len((await controls.some(world.service, "analytics")).ids) == CONTROLS
