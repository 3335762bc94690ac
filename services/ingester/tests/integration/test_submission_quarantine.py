"""Unusable submissions in quarantine: a takedown finds all of them, and some are not kept at all."""

from collections.abc import Sequence

import pytest
import pytest_asyncio

from clawback_common.clock import SystemClock
from clawback_common.config.settings import CommonSettings
from clawback_common.errors import Poison
from clawback_common.http.dead_letters import DeadLetterFilter
from clawback_common.kafka import offsets
from clawback_common.kafka.envelope import Message
from clawback_common.kafka.stalls import OutboxAlerts
from clawback_common.kafka.subscription import BusContext
from clawback_common.messaging.quarantine import Bad, put
from clawback_common.service.dead_letters import dead_letter_service
from clawback_contracts.article.v1 import ArticleSubmitted
from clawback_contracts.envelope import event_id
from clawback_testing.broker import Broker, Raw
from clawback_testing.subscribers import consuming
from clawback_testing.waiting import until
from ingester.entrypoints.consumers import subscriptions
from ingester.service import SERVICE
from ingester.use_cases.service import GROUP
from services.ingester.tests.integration.world import World

pytestmark = pytest.mark.integration

A, FOREIGN = "up:a", "metabase:1"
TOPIC = ArticleSubmitted.TOPIC


@pytest_asyncio.fixture
async def context(world: World, topics: Broker, common_settings: CommonSettings) -> BusContext:
    """The context of the worker's subscribers, with empty topics."""
    assert topics.bootstrap == common_settings.kafka_bootstrap_servers
    outbox, clock = world.service.outbox, SystemClock()
    return BusContext(GROUP, common_settings, world.db, outbox, clock, OutboxAlerts(GROUP, outbox, clock))


def submission(world: World, article_id: str) -> Raw:
    article = ArticleSubmitted(**world.article(article_id).model_dump())
    message = Message.of(article, event_id("s", article_id), at=world.clock.now(), traceparent=None)
    return Raw.of(message)


async def quarantined(
    world: World, broker: Broker, context: BusContext, records: Sequence[Raw]
) -> dict[str, bytes | None]:
    """Returns the reason and bytes of each record after the worker's lane has quarantined them."""
    lane = [one for one in subscriptions(world.service) if one.topic == TOPIC]

    async def all_quarantined() -> dict[str, bytes | None]:
        rows = await world.db.fetch("SELECT reason, value FROM quarantine")
        return {row["reason"]: row["value"] for row in rows} if len(rows) == len(records) else {}

    async with consuming(context, *lane):
        await broker.send(TOPIC, records)
        return await until(all_quarantined, what="all quarantined")


async def test_a_takedown_purges_a_submission_that_arrived_under_another_key(
    world: World, topics: Broker, context: BusContext
) -> None:
    good = submission(world, A)
    text = (good.value or b"")[:-30]
    records = [good.replace(key=b"partition-key-3"), good.replace(key=b"partition-key-4", value=text)]
    found = await quarantined(world, topics, context, records)
    assert {reason: value is not None for reason, value in found.items()} == {
        "key_mismatch": True,
        "value_invalid": True,
    }
    assert await world.held(A) == {A}
    await world.order(world.revocation(A))
    assert await world.held(A) == set()
    assert await world.db.fetchval("SELECT count(value) FROM quarantine") == 0


async def test_no_content_is_kept_of_a_submission_about_a_revoked_article(
    world: World, topics: Broker, context: BusContext
) -> None:
    await world.order(world.revocation(A))
    bad = submission(world, A)
    records = [bad.replace(value=b'{"article_id": "up:a", "title": 7}'), bad.replace(key=b"up:z")]
    found = await quarantined(world, topics, context, records)
    assert found == {"value_invalid": None, "key_mismatch": None}
    assert await world.held(A, "up:z") == set()
    rows = await world.db.fetch("SELECT record_key, headers, resolution FROM quarantine")
    assert {tuple(row) for row in rows} == {(None, "{}", "not_kept")}


async def test_no_content_is_kept_of_a_submission_about_an_article_of_another_provider(
    world: World, topics: Broker, context: BusContext
) -> None:
    found = await quarantined(world, topics, context, [submission(world, FOREIGN)])
    assert found == {"provider_not_allowed": None}
    assert await world.held(FOREIGN) == set()


async def test_content_whose_body_names_no_article_is_kept_for_hours_only(
    world: World, topics: Broker, context: BusContext
) -> None:
    await quarantined(world, topics, context, [submission(world, A).replace(value="text".encode("utf-16"))])
    hours = await world.db.fetchval(
        "SELECT extract(epoch FROM purge_at - set_aside_at) / 3600 FROM quarantine"
    )
    assert int(hours) == 12


async def test_a_retry_of_an_old_order_does_not_move_the_position_on_the_topic(world: World) -> None:
    order = world.revocation(A)
    message = Message.of(order, event_id("o"), at=order.ordered_at, traceparent=None)
    bad = Bad(
        Poison("odd"),
        GROUP,
        "revocations.v1",
        offset=3,
        subjects=(A,),
        key=A.encode(),
        value=message.value,
        headers={name: value.decode() for name, value in message.headers("compliance")},
    )
    async with world.db.transaction() as tx:
        await put(tx, world.service.outbox, [bad], world.clock.now())
        await offsets.move(tx, GROUP, {("revocations.v1", 1): 50})
    world.clock.advance(minutes=1)
    outcome = await dead_letter_service(SERVICE, world.service).retry(DeadLetterFilter())
    assert (outcome.retried, await world.state(A)) == (1, "revoked")
    assert await offsets.stored(world.db, GROUP) == {("revocations.v1", 1): 50}
