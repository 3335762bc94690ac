"""A verification needs proof, whatever stores and holders answer, and however many workers ask."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
from pydantic import AnyHttpUrl

from clawback_common.http.guarded_client import Addresses, AddressRules, GuardedClient, guarded_http
from clawback_contracts.alert.v1 import AlertResolved
from clawback_contracts.holder.v1 import HolderKind, HolderRegistration
from compliance.domain.obligation import CONTROLS, GRACE_PERIOD, HoldingsCheck
from compliance.gateways.stores import HoldingsClient, first_that_fit
from compliance.storage.controls import MISSING_MAX
from compliance.use_cases import holders, receipts
from compliance.use_cases.controls import Controls
from compliance.use_cases.verification import HoldingsVerifier
from services.compliance.tests.integration.conftest import SEARCH, World
from services.compliance.tests.integration.fake_ingester import FakeIngester

pytestmark = pytest.mark.integration
A, B = "metabase:1", "metabase:2"
LIVE = {f"metabase:live-{n}" for n in range(20)}


@pytest.fixture
def fake_ingester() -> FakeIngester:
    """An ingester that holds what it lists."""
    return FakeIngester(held=set(LIVE), listed=set(LIVE))


def _verifier(world: World, fake_ingester: FakeIngester) -> HoldingsVerifier:
    return HoldingsVerifier(world.service, fake_ingester.holdings(), Controls(fake_ingester.ingester()))


async def _removed(world: World, *article_ids: str, holder: str = "ingester") -> list[int]:
    """Reports the removal by this holder. Returns the order numbers."""
    orders = await world.revoke(*article_ids)
    await world.receipts(*(world.receipt(order, holder) for order in orders))
    return [order.order for order in orders]


async def _state(world: World, article_id: str, holder: str) -> str:
    """Returns the state of this holder's only obligation on an article."""
    (state,) = [state for (_, name), state in (await world.states(article_id)).items() if name == holder]
    return state


async def _look_again(world: World, verifier: HoldingsVerifier, holder: str = "ingester") -> str:
    world.clock.advance(seconds=6)
    await verifier.verify()
    return await _state(world, A, holder)


async def _resolved(world: World) -> list[str]:
    return [one.name for one in await world.unsent(AlertResolved)]


async def test_an_empty_store_verifies_nothing_when_all_the_known_controls_are_taken_down_at_once(
    world: World, fake_ingester: FakeIngester
) -> None:
    verifier = _verifier(world, fake_ingester)
    await verifier._controls.refresh(world.service)
    await _removed(world, *LIVE)
    fake_ingester.held.clear()
    fake_ingester.listed = {f"metabase:other-{n}" for n in range(50)}
    world.clock.advance(seconds=6)
    await verifier.verify()
    assert await world.db.fetchval("SELECT count(*) FROM obligation WHERE state = 'verified'") == 0
    assert await world.alerts() == ["StoreAnswersWrongly"]
    assert set(fake_ingester.questions[0]) & fake_ingester.listed, "the controls were fetched again"


@pytest.mark.parametrize("applied", [0, None])
@pytest.mark.parametrize("live", [0, CONTROLS - 1])
async def test_with_fewer_than_five_live_articles_only_the_applied_order_proves_it(
    world: World, fake_ingester: FakeIngester, live: int, applied: int | None
) -> None:
    fake_ingester.held = fake_ingester.listed = set(sorted(LIVE)[:live])
    fake_ingester.applied = applied
    verifier = _verifier(world, fake_ingester)
    (number,) = await _removed(world, A)
    assert await _look_again(world, verifier) == "removed"
    fake_ingester.applied = number
    assert await _look_again(world, verifier) == "verified"
    evidence = orjson.loads(
        await world.db.fetchval("SELECT evidence FROM obligation WHERE holder = 'ingester'")
    )
    assert (evidence["proof"], evidence["controls"], evidence["applied_order"]) == ("order", live, number)


async def test_a_store_that_has_not_applied_the_order_is_asked_again_although_it_holds_the_controls(
    world: World, fake_ingester: FakeIngester
) -> None:
    fake_ingester.applied = 0
    verifier = _verifier(world, fake_ingester)
    (number,) = await _removed(world, A)
    assert await _look_again(world, verifier) == "removed"
    fake_ingester.applied = number
    assert await _look_again(world, verifier) == "verified"
    assert await world.alerts() == []


async def test_a_store_that_does_not_report_applied_orders_is_proven_by_its_controls(
    world: World, fake_ingester: FakeIngester
) -> None:
    fake_ingester.applied = None
    await _removed(world, A)
    await _verifier(world, fake_ingester).verify()
    assert await _state(world, A, "ingester") == "verified"


def _with_analytics(world: World, fake_ingester: FakeIngester) -> HoldingsVerifier:
    address = AnyHttpUrl("http://analytics/api/v1/analytics/holdings")
    settings = world.service.settings.model_copy(update={"stores": {"analytics": address}})
    object.__setattr__(world.service, "settings", settings)
    return _verifier(world, fake_ingester)


async def _removed_from_analytics(world: World) -> None:
    there = HolderRegistration(
        name="analytics", kind=HolderKind.STORE, purpose="ours", copy_kinds=("content",)
    )
    await holders.holder_registered(there, "test", world.service)
    await _removed(world, A, holder="analytics")


async def test_two_workers_raise_one_alert_on_a_store_that_misses_its_controls(
    world: World, fake_ingester: FakeIngester
) -> None:
    fake_ingester.behind = set(LIVE)
    await _removed_from_analytics(world)
    first = _with_analytics(world, fake_ingester)
    assert await _look_again(world, first, "analytics") == "removed"
    world.clock.advance(seconds=GRACE_PERIOD.total_seconds())
    for _ in range(5):
        for worker in (first, _with_analytics(world, fake_ingester)):  # each time a newly started one
            assert await _look_again(world, worker, "analytics") == "removed"
    assert (await world.alerts(), await _resolved(world)) == (["StoreAnswersWrongly"], [])
    assert await world.db.fetchval("SELECT count(*) FROM control_missing") <= MISSING_MAX
    fake_ingester.behind = set()
    assert await _look_again(world, _with_analytics(world, fake_ingester), "analytics") == "verified"
    assert (await world.alerts(), await _resolved(world)) == (
        ["StoreAnswersWrongly"],
        ["StoreAnswersWrongly"],
    )
    assert await world.db.fetchval("SELECT count(*) FROM control_missing") == 0


async def test_what_was_missed_once_is_asked_for_until_it_is_answered_rightly(
    world: World, fake_ingester: FakeIngester
) -> None:
    fake_ingester.behind = {min(LIVE)}
    await _removed_from_analytics(world)
    verifier = _with_analytics(world, fake_ingester)
    await receipts.on_holdings_checked([], await _one_that_misses(verifier), world.service)
    for _ in range(3):
        await _look_again(world, verifier, "analytics")
        fake_ingester.questions.clear()
    world.clock.advance(seconds=GRACE_PERIOD.total_seconds())
    await _removed(world, B, holder="analytics")
    await verifier.verify()
    assert min(LIVE) in fake_ingester.questions[0]
    assert await _state(world, B, "analytics") == "removed"
    assert await world.alerts() == ["StoreAnswersWrongly"]


async def _one_that_misses(verifier: HoldingsVerifier) -> HoldingsCheck:
    while True:
        looked = await verifier._ask_own("analytics", [A])
        if looked.missed:
            return looked


@pytest.mark.parametrize("failing", [503, 404])
async def test_a_question_without_an_answer_neither_raises_nor_resolves(
    world: World, fake_ingester: FakeIngester, failing: int
) -> None:
    fake_ingester.held.clear()
    await _removed(world, A)
    verifier = _verifier(world, fake_ingester)
    await _look_again(world, verifier)
    assert await world.alerts() == ["StoreAnswersWrongly"]
    fake_ingester.failing = failing
    assert await _look_again(world, verifier) == "removed"
    assert (await world.alerts(), await _resolved(world)) == (["StoreAnswersWrongly"], [])


@asynccontextmanager
async def _dripping() -> AsyncIterator[tuple[AnyHttpUrl, list[int]]]:
    """A holder that sends its response very slowly, without end."""
    asked: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.append(1)
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.1)
        except (ConnectionError, asyncio.CancelledError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield AnyHttpUrl(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/holdings"), asked
    finally:
        server.close()


async def test_a_holder_that_drips_delays_only_itself(world: World, fake_ingester: FakeIngester) -> None:
    addresses = Addresses(AddressRules(public_only=False))
    async with _dripping() as (url, asked), guarded_http() as http:
        there = SEARCH.model_copy(update={"holdings_url": url})
        await holders.holder_registered(there, "operator", world.service)
        own = fake_ingester.holdings().own
        client = HoldingsClient(own, GuardedClient(http, addresses, timeout_s=5))
        verifier = HoldingsVerifier(world.service, client, Controls(fake_ingester.ingester()))
        await _removed(world, A, holder="search")
        async with asyncio.timeout(2):
            await verifier.wait_and_verify()
            while not asked:  # noqa: ASYNC110 - a list, not an event
                await asyncio.sleep(0.01)
        for article_id in (A, B):
            await _removed(world, article_id)
            world.service.verifiers.wake()
            async with asyncio.timeout(1):
                while await _state(world, article_id, "ingester") != "verified":
                    await verifier.wait_and_verify()
                    await asyncio.sleep(0.02)
        assert await _state(world, A, "search") == "removed"
        assert len(asked) == 1
        await verifier.close()
        addresses.close()


async def test_a_consumer_that_does_not_answer_is_asked_less_and_less_often(
    world: World, fake_ingester: FakeIngester
) -> None:
    there = SEARCH.model_copy(update={"holdings_url": AnyHttpUrl("http://nowhere/holdings")})
    await holders.holder_registered(there, "operator", world.service)
    await _removed(world, A, holder="search")
    verifier, pauses = _verifier(world, fake_ingester), []
    for _ in range(9):
        await verifier.verify()
        at = await world.db.fetchval("SELECT look_at FROM obligation WHERE holder = 'search'")
        pauses.append((at - world.clock.now()).total_seconds())
        world.clock.advance(seconds=pauses[-1])
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_a_question_names_as_many_ids_as_an_answer_has_room_for() -> None:
    assert first_that_fit(f"metabase:{n}" for n in range(10_000)) == 500
    longest = "a" * 32 + ":" + "b" * 199
    fitting = first_that_fit(f"{longest}{n % 10}" for n in range(500))
    assert 50 < fitting < 500
    assert fitting * (2 * 233 + 40) < 65_536
