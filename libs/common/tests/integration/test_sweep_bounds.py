"""An owner limits every request to remove data: minimum age, allowed action, and known holds."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from clawback_common.clock import SystemClock
from clawback_common.config.settings import CommonSettings
from clawback_common.kafka.envelope import Message, Received
from clawback_common.kafka.subscription import BusContext
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.retention import Sweeper
from clawback_contracts.alert.v1 import Severity
from clawback_contracts.sweep.v1 import Action, EndedHold, Hold, HoldsChanged, SweepFailed, SweepRequested
from clawback_testing.broker import Broker, Raw
from clawback_testing.clock import FakeClock
from clawback_testing.subscribers import consuming
from clawback_testing.waiting import until

from .test_sweeping import BEFORE, OWNER, Leaves, World, leaves, request, world

__all__ = ["leaves", "world"]
pytestmark = pytest.mark.integration

HELD = Hold(hold_id=uuid4(), article_ids=("up:5",), placed_by="ann", confirmed_by="ben")


async def deliver(world: World, *events: SweepRequested | HoldsChanged) -> None:
    """Deliver them in one batch, as from the topic."""
    batch = [Received(one, str(uuid4()), None, one.TOPIC, 0, n) for n, one in enumerate(events)]
    await world.sweeper.requested(batch)


def changed(*holds: Hold, ended: tuple[EndedHold, ...] = ()) -> HoldsChanged:
    return HoldsChanged(data_class="leaves", holds=holds, ended_holds=ended, changed_at=BEFORE)


def ended(*by: str, hold_id: UUID = HELD.hold_id) -> EndedHold:
    return EndedHold(hold_id=hold_id, ended_by=by, ended_at=BEFORE)


async def refused(world: World, words: str) -> SweepFailed:
    """Assert that it is refused: answered with the reason, an alert is raised, nothing is removed."""
    await world.sweeper.process_due()
    reply = (await world.replies())[-1]
    assert isinstance(reply, SweepFailed), reply
    assert reply.refused
    assert words in reply.error
    assert await world.remaining() == 7
    alert = (await world.alerts())[-1]
    assert (alert.name, alert.severity, alert.service) == ("SweepRefused", Severity.CRITICAL, OWNER)
    assert str(reply.sweep_id) in alert.summary
    return reply


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    "ago",
    [timedelta(days=-400), timedelta(0), timedelta(days=29, hours=23)],
    ids=["future", "now", "young"],
)
async def test_a_limit_later_than_the_minimum_age_allows_is_refused(
    world: World, ago: timedelta, *, dry_run: bool
) -> None:
    await deliver(world, request(before=world.clock.now() - ago, dry_run=dry_run))
    await refused(world, "minimum age")


async def test_the_minimum_age_is_a_setting_and_never_in_the_future(
    world: World, leaves: Leaves, clock: FakeClock
) -> None:
    ages_min_d = CommonSettings(sweep_age_min_d="leaves=0.5, pebbles=3").sweep_age_min_d
    sweeper = Sweeper(OWNER, world.db, clock, PriorityOutbox(), (leaves,), ages_min_d)
    world.sweeper = sweeper
    await deliver(world, request(before=clock.now() - timedelta(hours=11)))
    await refused(world, "minimum age")
    world.sweeper = Sweeper(OWNER, world.db, clock, PriorityOutbox(), (leaves,), {"leaves": -1.0})
    await deliver(world, request(before=clock.now() + timedelta(seconds=1)))
    await refused(world, "minimum age")
    world.sweeper = sweeper
    await deliver(world, request(before=clock.now() - timedelta(hours=13)))
    await world.sweeper.process_due()
    assert await world.remaining() == 0


@pytest.mark.parametrize("dry_run", [False, True])
async def test_an_action_that_the_class_does_not_allow_is_refused(world: World, *, dry_run: bool) -> None:
    await deliver(world, request(action=Action.ARCHIVE, dry_run=dry_run))
    await refused(world, "removed by delete, not by archive")


async def test_a_request_that_omits_a_hold_known_from_an_earlier_request_is_refused(world: World) -> None:
    await deliver(world, request(holds=(HELD,), dry_run=True))
    await world.sweeper.process_due()
    await deliver(world, request())
    reply = await refused(world, f"omits 1 holds that are in force: {HELD.hold_id}")
    assert reply.omitted_holds == (HELD,)


async def test_a_hold_is_known_before_any_sweep(world: World) -> None:
    await deliver(world, changed(HELD))
    await deliver(world, request())
    await refused(world, "omits 1 holds")
    await deliver(world, request(holds=(HELD,)))
    await world.sweeper.process_due()
    assert await world.remaining() == 1


async def test_a_hold_with_another_scope_counts_as_omitted(world: World) -> None:
    await deliver(world, changed(HELD))
    narrowed = Hold(hold_id=HELD.hold_id, dated_until=datetime.min.replace(tzinfo=BEFORE.tzinfo))
    await deliver(world, request(holds=(narrowed,)))
    reply = await refused(world, "omits 1 holds")
    assert reply.omitted_holds == (HELD,), "the first known version of the hold counts"


async def test_a_hold_that_two_people_ended_is_no_longer_required(world: World) -> None:
    await deliver(world, changed(HELD))
    await deliver(world, request(ended_holds=(ended("ann", "ben"),)))
    await world.sweeper.process_due()
    assert await world.remaining() == 0


@pytest.mark.parametrize("by", [("ann",), ("ann", "ann"), ("eve",)])
async def test_one_person_cannot_end_a_confirmed_hold(world: World, by: tuple[str, ...]) -> None:
    await deliver(world, changed(HELD))
    await deliver(world, changed(ended=(ended(*by),)))
    await deliver(world, request(ended_holds=(ended(*by),)))
    await refused(world, "omits 1 holds")


async def test_an_unconfirmed_hold_can_be_withdrawn_by_the_person_who_placed_it(world: World) -> None:
    placed = HELD.model_copy(update={"confirmed_by": None})
    await deliver(world, changed(placed))
    await deliver(world, request(ended_holds=(ended("eve"),)))
    await refused(world, "omits 1 holds")
    await deliver(world, changed(ended=(ended("ann"),)), request())
    await world.sweeper.process_due()
    assert await world.remaining() == 0


async def test_a_hold_on_another_class_protects_only_that_class(world: World) -> None:
    other_class = changed(HELD).model_copy(update={"data_class": "job_runs"})
    await deliver(world, other_class, request())
    await world.sweeper.process_due()
    assert await world.remaining() == 0
    await deliver(world, request(data_class="job_runs"))
    await world.sweeper.process_due()
    assert "omits 1 holds" in (await world.replies())[-1].error


async def test_a_running_sweep_ends_when_it_omits_a_new_hold(world: World, leaves: Leaves) -> None:
    leaves.waits_after = 1
    await deliver(world, request())
    running = asyncio.create_task(world.sweeper.process_due())
    await until(lambda: leaves.slices == 1, what="a slice")
    await deliver(world, changed(HELD))
    leaves.gate.set()
    await running
    (reply,) = await world.replies()
    assert reply.refused
    assert await world.db.fetchval("SELECT count(*) FROM leaf WHERE id = '5'") == 1


async def test_a_refused_sweep_is_checked_again_when_it_is_requested_again(world: World) -> None:
    await deliver(world, changed(HELD))
    requested = request()
    await deliver(world, requested)
    await refused(world, "omits 1 holds")
    await deliver(world, requested.model_copy(update={"attempt": 2, "holds": (HELD,)}))
    await world.sweeper.process_due()
    assert (await world.replies())[-1].removed == 6
    assert len(await world.alerts()) == 1


async def test_a_forged_request_is_refused_and_the_genuine_one_is_processed(
    topics: Broker, context: BusContext, leaves: Leaves
) -> None:
    sweeper = Sweeper(context.service, context.db, SystemClock(), context.outbox, (leaves,))
    true = {"owners": (context.service,), "holds": (HELD,)}
    events = [
        changed(HELD),
        request(owners=(context.service,)),
        request(**true | {"before": datetime(2099, 1, 1, tzinfo=BEFORE.tzinfo)}),
        request(**true),
    ]
    records = [Raw.of(Message.of(one, uuid4(), at=BEFORE, traceparent=None)) for one in events]
    async with consuming(context, sweeper.subscription()):
        await topics.send(SweepRequested.TOPIC, records)

        async def three_replies() -> list[Any]:
            await sweeper.process_due()
            rows: list[Any] = await context.db.fetch(
                "SELECT outcome FROM sweep_task WHERE outcome IS NOT NULL"
            )
            return rows if len(rows) == 3 else []

        outcomes = await until(three_replies, what="three replies")
    assert sorted(row["outcome"] for row in outcomes) == ["completed", "failed", "failed"]
    assert await context.db.fetchval("SELECT count(*) FROM leaf") == 1


def test_an_invalid_age_setting_is_refused() -> None:
    for written in ("articles", "articles=soon", "articles=-1"):
        with pytest.raises(ValueError, match="sweep_age_min_d"):
            CommonSettings(sweep_age_min_d=written)


async def test_without_a_limit_nothing_is_removed(world: World) -> None:
    await deliver(world, request(before=None))
    await world.sweeper.process_due()
    assert "limit_missing" in (await world.replies())[0].error
