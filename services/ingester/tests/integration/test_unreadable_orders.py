"""Unreadable orders neither stop the lane nor are only quarantined."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from clawback_common.clock import SystemClock
from clawback_common.config.settings import CommonSettings
from clawback_common.errors import Poison
from clawback_common.kafka.envelope import Message
from clawback_common.kafka.stalls import OutboxAlerts
from clawback_common.kafka.subscription import BusContext
from clawback_common.messaging.quarantine import Bad
from clawback_contracts.alert.v1 import AlertRaised
from clawback_contracts.deadletter.v1 import DeadLetter
from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.folding import AnyOrder
from clawback_testing.broker import Broker, Raw
from clawback_testing.subscribers import consuming
from clawback_testing.waiting import until
from ingester.domain.feed import RevokedEntry
from ingester.entrypoints.consumers import subscriptions
from ingester.use_cases import incidents, notices, orders
from services.ingester.tests.integration.world import World

pytestmark = pytest.mark.integration

A, B, C = "up:a", "up:b", "up:c"
TOPIC = "revocations.v1"


def message(order: AnyOrder) -> Message:
    return Message.of(
        order, event_id("o", order.article_id, order.order), at=order.ordered_at, traceparent=None
    )


@pytest_asyncio.fixture
async def context(world: World, topics: Broker, common_settings: CommonSettings) -> BusContext:
    """The context of the worker's subscribers, with empty topics."""
    assert topics.bootstrap == common_settings.kafka_bootstrap_servers
    outbox, clock = world.service.outbox, SystemClock()
    alerts = OutboxAlerts("ingester", outbox, clock)
    return BusContext("ingester", common_settings, world.db, outbox, clock, alerts)


async def listen(context: BusContext, world: World, broker: Broker, records: Sequence[Raw | Message]) -> None:
    """Processes these with the worker's lane of orders."""
    lane = [one for one in subscriptions(world.service) if one.topic == TOPIC]
    async with consuming(context, *lane):
        await broker.send(TOPIC, records)

        async def handled() -> bool:
            committed = await broker.committed("ingester.orders")
            return sum(offset for offset in committed.values() if offset > 0) >= len(records)

        await until(handled, what="all orders are processed")


async def test_an_unreadable_order_withholds_its_article_pages_a_person_and_does_not_block_others(
    world: World, topics: Broker, context: BusContext
) -> None:
    await world.submit(world.article(A), world.article(B), world.article(C))
    good = Raw.of(message(world.revocation(B)))
    bad = Raw.of(message(world.revocation(A))).replace(value=b'{"article_id": "up:a", "order": "many"}')
    await listen(context, world, topics, [Raw(None, A.encode()), bad, good])
    assert [await world.state(one) for one in (A, B, C)] == ["withheld", "revoked", "live"]
    assert [one.article_id for one in await world.published()] == [C]
    assert await world.alerts() == ["UnreadableOrder"] * 2
    for alert in await world.unsent(AlertRaised):
        assert (alert.severity, alert.labels["subject"]) == ("critical", A)
    letters: list[DeadLetter] = await world.unsent(DeadLetter)
    assert sorted(letter.reason for letter in letters) == ["null_value", "value_invalid"]
    rows = await world.db.fetch("SELECT id, subject, closed_at FROM incident")
    assert {row["id"] for row in rows} == {letter.quarantine_id for letter in letters}
    assert {(row["subject"], row["closed_at"]) for row in rows} == {(A, None)}


async def test_the_same_unreadable_order_again_is_the_same_incident_and_pages_once(
    world: World, topics: Broker, context: BusContext
) -> None:
    await listen(context, world, topics, [Raw(None, A.encode())])
    await world.db.execute("DELETE FROM consumer_offset")
    assert await world.alerts() == ["UnreadableOrder"]
    lane = [one for one in subscriptions(world.service) if one.topic == TOPIC]
    async with consuming(context, *lane):
        await topics.send(TOPIC, [message(world.revocation(B))])

        async def removed() -> bool:
            return await world.state(B) == "revoked"

        await until(removed, what="the other order is applied")
    assert await world.alerts() == ["UnreadableOrder"]
    assert await world.db.fetchval("SELECT count(*) FROM incident") == 1


async def test_an_unreadable_order_on_an_unknown_article_withholds_it_when_it_arrives(
    world: World, topics: Broker, context: BusContext
) -> None:
    await listen(context, world, topics, [Raw(b"{", A.encode())])
    await world.submit(world.article(A))
    assert (await world.state(A), await world.published()) == ("withheld", [])
    (incident,) = await incident_ids(world)
    await incidents.close_incident(world.service, incident, "olga", "a test message")
    assert await world.state(A) == "live"
    assert [one.article_id for one in await world.published()] == [A]


async def incident_ids(world: World) -> list[UUID]:
    return [row["id"] for row in await world.db.fetch("SELECT id FROM incident WHERE closed_at IS NULL")]


async def withheld(world: World, *ids: str) -> list[UUID]:
    """Delivers unreadable orders on these articles; returns the incidents."""
    bads = [
        Bad(Poison("null_value"), "ingester", TOPIC, offset=n, event_id=str(n), subjects=(one,))
        for n, one in enumerate(ids)
    ]
    async with world.db.transaction() as tx:
        await orders.on_unreadable_orders(tx, bads, world.service)
    return [bad.id for bad in bads]


async def test_closing_the_incident_releases_the_article_and_publishes_it(world: World) -> None:
    await world.submit(world.article(A))
    await world.published()
    (incident,) = await withheld(world, A)
    closed = await incidents.close_incident(world.service, incident, "olga", "looked")
    assert closed is not None
    assert await world.state(A) == "live"
    assert [one.article_id for one in await world.published()] == [A]
    assert await incidents.close_incident(world.service, incident, "olga", "again") is None


async def test_an_article_with_two_incidents_is_released_when_both_are_closed(world: World) -> None:
    await world.submit(world.article(A))
    first, second = await withheld(world, A, A)
    await incidents.close_incident(world.service, first, "olga", "looked")
    assert await world.state(A) == "withheld"
    await incidents.close_incident(world.service, second, "olga", "looked")
    assert await world.state(A) == "live"


async def test_closing_an_incident_does_not_end_an_embargo(world: World) -> None:
    await world.submit(world.article(A, embargoed_until=world.clock.now() + timedelta(hours=1)))
    (incident,) = await withheld(world, A)
    await incidents.close_incident(world.service, incident, "olga", "looked")
    assert (await world.state(A), await world.published()) == ("embargoed", [])
    world.clock.advance(hours=1)
    await notices.on_time(world.service)
    assert [one.article_id for one in await world.published()] == [A]


async def test_an_article_with_an_open_notice_stays_withheld(world: World) -> None:
    await world.submit(world.article(A))
    async with world.db.transaction() as tx:
        poll_id = await tx.fetchval("SELECT gen_random_uuid()")
        await notices.on_revoked_entries(tx, world.service, "f", [RevokedEntry(A, "s1", None)], poll_id, None)
    (incident,) = await withheld(world, A)
    await incidents.close_incident(world.service, incident, "olga", "looked")
    assert await world.state(A) == "withheld"


async def test_a_later_readable_order_revokes_the_withheld_article(world: World) -> None:
    await world.submit(world.article(A))
    (incident,) = await withheld(world, A)
    await world.order(world.revocation(A))
    await incidents.close_incident(world.service, incident, "olga", "it came again")
    assert (await world.state(A), await world.held(A)) == ("revoked", set())


async def test_a_reinstatement_does_not_close_the_incident_of_an_unreadable_order(world: World) -> None:
    await world.submit(world.article(A))
    await withheld(world, A)
    await world.order(world.reinstatement(A))
    assert await world.state(A) == "withheld"
