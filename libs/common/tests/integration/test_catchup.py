"""An API process waits until its service has processed the records from before its start."""

import pytest

from clawback_common.errors import Transient
from clawback_common.kafka import offsets
from clawback_common.kafka.catchup import CatchUp
from clawback_common.kafka.envelope import Received
from clawback_common.kafka.subscription import BusContext
from clawback_testing.broker import Broker
from clawback_testing.subscribers import ping

pytestmark = pytest.mark.integration


def _catch_up(context: BusContext, topic: str) -> CatchUp:
    return CatchUp(context.settings, context.db, context.service, topic)


async def _keep(context: BusContext, topic: str, offset: int) -> None:
    async with context.db.transaction() as tx:
        await offsets.keep(tx, context.service, [Received(None, "e", None, topic, 0, offset)])


async def test_nothing_is_served_before_records_from_before_the_start_are_processed(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n) for n in range(3)])
    catch_up = _catch_up(context, topic)
    with pytest.raises(Transient):
        await catch_up.check()
    await _keep(context, topic, 1)
    with pytest.raises(Transient):
        await catch_up.check()
    await broker.send(topic, [ping(3)])
    await _keep(context, topic, 2)
    await catch_up.check()


async def test_an_empty_topic_delays_nothing(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    await _catch_up(context, topic).check()
    await broker.send(topic, [ping(1)])
    await broker.delete_records(topic)
    await _catch_up(context, topic).check()


async def test_offsets_of_a_deleted_log_do_not_apply_to_the_new_one(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(1)])
    await _keep(context, topic, 500)
    with pytest.raises(Transient):
        await _catch_up(context, topic).check()


async def test_nothing_is_served_before_a_lost_log_is_backfilled(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    await _keep(context, topic, 500)
    catch_up = CatchUp(context.settings, context.db, context.service, topic, refilled=True)
    with pytest.raises(Transient, match="lost log"):
        await catch_up.check()
    async with context.db.transaction() as tx:
        await offsets.rewind(tx, context.service, {(topic, 0): 0})
    await catch_up.check()
