"""The owner's side of a sweep, on a real broker and database."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from clawback_common.errors import Poison, Stop, Transient
from clawback_common.kafka.envelope import Message, Received
from clawback_common.kafka.subscription import BusContext
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.retention import AGE_MIN, AgedTableClass, Progress, SweepCounts, Sweeper
from clawback_common.retention import sweeper as module
from clawback_common.service import jobs
from clawback_contracts.alert.v1 import AlertRaised
from clawback_contracts.envelope import event_id
from clawback_contracts.sweep.v1 import (
    Action,
    Hold,
    SweepAnswer,
    SweepCompleted,
    SweepFailed,
    SweepRequested,
)
from clawback_testing.broker import Broker, Raw
from clawback_testing.clock import FakeClock
from clawback_testing.queries import prepare_all
from clawback_testing.subscribers import consuming
from clawback_testing.waiting import until

pytestmark = pytest.mark.integration

OWNER = "svc"
BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
KINDS: tuple[type[SweepAnswer], ...] = (SweepCompleted, SweepFailed)


@dataclass(slots=True)
class Leaves:
    """A class of data with a number of leaves."""

    db: Database
    errors: list[Exception] = field(default_factory=list)
    name: str = "leaves"
    tables: tuple[str, ...] = ("leaf",)
    action: Action = Action.DELETE
    age_min: timedelta = AGE_MIN
    slices: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    waits_after: int | None = None

    async def count(self, request: SweepRequested) -> SweepCounts:
        """Count all leaves as old."""
        assert request.dry_run
        found = await self.db.fetchval("SELECT count(*) FROM leaf")
        return SweepCounts(found, found)

    async def remove(self, request: SweepRequested, progress: Progress) -> SweepCounts:
        """Remove two per slice."""
        held = {one for hold in request.holds for one in hold.article_ids}
        while True:
            if self.errors:
                raise self.errors.pop(0)
            async with self.db.transaction() as tx:
                deleted = await tx.execute(
                    "DELETE FROM leaf WHERE id IN (SELECT id FROM leaf WHERE 'up:' || id <> ALL ($1::text[])"
                    " ORDER BY id LIMIT 2)",
                    sorted(held),
                )
                count = int(deleted.split()[-1])
                await progress.note(tx, {"last": self.slices}, removed=count)
            if not count:
                return SweepCounts(
                    progress.count("removed") + len(held), progress.count("removed"), len(held)
                )
            self.slices += 1
            if self.waits_after == self.slices:
                await self.gate.wait()


@pytest_asyncio.fixture
async def leaves(database: Database) -> Leaves:
    """Seven leaves."""
    await database.execute("CREATE TABLE leaf (id text PRIMARY KEY)")
    await database.execute("INSERT INTO leaf SELECT n::text FROM generate_series(1, 7) AS n")
    return Leaves(database)


@dataclass(slots=True)
class World:
    """The owner and its replies."""

    db: Database
    clock: FakeClock
    sweeper: Sweeper

    async def deliver(self, *requests: SweepRequested) -> None:
        """Deliver them in one batch."""
        batch = [Received(one, str(uuid4()), None, one.TOPIC, 0, n) for n, one in enumerate(requests)]
        await self.sweeper.requested(batch)

    async def replies(self) -> list[Any]:
        """Return the unsent events."""
        rows = await self.db.fetch(
            "SELECT event_id, type, value FROM outbox_priority WHERE topic = 'sweep-results.v1' ORDER BY id"
        )
        by_type = {kind.TYPE: kind for kind in KINDS}
        found = [by_type[row["type"]].model_validate_json(row["value"]) for row in rows]
        for row, reply in zip(rows, found, strict=True):
            assert row["event_id"] == event_id("sweep", reply.sweep_id, OWNER, reply.attempt)
        return found

    async def alerts(self) -> list[AlertRaised]:
        """Return the alerts."""
        rows = await self.db.fetch("SELECT value FROM outbox_priority WHERE topic = 'alerts.v1' ORDER BY id")
        return [AlertRaised.model_validate_json(row["value"]) for row in rows]

    async def remaining(self) -> int:
        """Return the number of existing leaves."""
        return int(await self.db.fetchval("SELECT count(*) FROM leaf"))


@pytest.fixture
def world(database: Database, clock: FakeClock, leaves: Leaves) -> World:
    """The owner of the leaves."""
    return World(database, clock, Sweeper(OWNER, database, clock, PriorityOutbox(), (leaves,)))


def request(**more: Any) -> SweepRequested:
    """Return a request to remove leaves."""
    fields: dict[str, Any] = {
        "sweep_id": uuid4(),
        "data_class": "leaves",
        "action": Action.DELETE,
        "owners": (OWNER, "other"),
        "before": BEFORE,
        "requested_at": BEFORE,
        "requested_by": "a test",
    }
    return SweepRequested(**(fields | more))


async def test_a_request_is_processed_and_answered(world: World) -> None:
    requested = request()
    await world.deliver(requested)
    assert await world.replies() == []
    world.clock.advance(seconds=5)
    await world.sweeper.process_due()
    (reply,) = await world.replies()
    assert isinstance(reply, SweepCompleted)
    assert (reply.found, reply.removed, reply.held, reply.attempt) == (7, 7, 0, 1)
    assert (reply.sweep_id, reply.owner, reply.data_class) == (requested.sweep_id, OWNER, "leaves")
    assert await world.remaining() == 0


async def test_a_dry_run_counts_and_changes_nothing(world: World) -> None:
    await world.deliver(request(dry_run=True))
    await world.sweeper.process_due()
    (reply,) = await world.replies()
    assert (reply.found, reply.removed, reply.dry_run) == (7, 7, True)
    assert await world.remaining() == 7


async def test_a_request_to_other_owners_is_ignored(world: World) -> None:
    await world.deliver(request(owners=("other",)))
    assert await world.db.fetchval("SELECT count(*) FROM sweep_task") == 0


@pytest.mark.parametrize(
    ("more", "words"),
    [({"data_class": "pebbles"}, "class_unknown"), ({"before": None}, "limit_missing")],
)
async def test_an_impossible_request_is_answered_at_once(
    world: World, more: dict[str, Any], words: str
) -> None:
    await world.deliver(request(**more))
    await world.sweeper.process_due()
    (reply,) = await world.replies()
    assert isinstance(reply, SweepFailed)
    assert words in reply.error
    assert await world.remaining() == 7


async def test_a_completed_sweep_is_answered_again_and_not_repeated(world: World, leaves: Leaves) -> None:
    requested = request()
    await world.deliver(requested)
    await world.sweeper.process_due()
    await world.db.execute("INSERT INTO leaf VALUES ('8')")
    await world.deliver(requested)
    await world.deliver(requested.model_copy(update={"attempt": 2}))
    await world.sweeper.process_due()
    first, second = await world.replies()
    assert (first.attempt, second.attempt, second.removed) == (1, 2, 7)
    assert await world.remaining() == 1
    assert leaves.slices == 4


async def test_another_worker_continues_the_sweep_of_a_dead_one(
    world: World, leaves: Leaves, clock: FakeClock
) -> None:
    leaves.waits_after = 2
    await world.deliver(request())
    cancelled = asyncio.create_task(world.sweeper.process_due())
    await until(lambda: leaves.slices == 2, what="two slices")
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    assert await world.remaining() == 3
    leaves.waits_after = None
    await Sweeper(OWNER, world.db, clock, PriorityOutbox(), (leaves,)).process_due()
    (reply,) = await world.replies()
    assert (reply.found, reply.removed) == (7, 7), "removals by the first worker count too"


async def test_of_two_workers_one_works(world: World, leaves: Leaves, clock: FakeClock) -> None:
    leaves.waits_after = 1
    await world.deliver(request())
    first = asyncio.create_task(world.sweeper.process_due())
    await until(lambda: leaves.slices == 1, what="a slice")
    await asyncio.wait_for(Sweeper(OWNER, world.db, clock, PriorityOutbox(), (leaves,)).process_due(), 5)
    assert leaves.slices == 1
    leaves.gate.set()
    await first
    assert len(await world.replies()) == 1


async def test_a_worker_that_lost_the_sweep_writes_nothing(
    world: World, leaves: Leaves, clock: FakeClock
) -> None:
    leaves.waits_after = 1
    await world.deliver(request())
    first = asyncio.create_task(world.sweeper.process_due())
    await until(lambda: leaves.slices == 1, what="a slice")
    await world.db.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    second = Sweeper(OWNER, world.db, clock, PriorityOutbox(), (leaves,))

    async def is_finished() -> int:
        await second.process_due()
        return len(await world.replies())

    await until(is_finished, what="the second has taken over")
    await world.db.execute("INSERT INTO leaf VALUES ('8')")
    leaves.gate.set()
    await asyncio.gather(first, return_exceptions=True)
    (reply,) = await world.replies()
    assert (reply.found, reply.removed) == (7, 7)
    assert await world.remaining() == 1, "its removal was rolled back"


async def test_a_frozen_worker_that_lost_the_sweep_removes_nothing_when_it_resumes(
    world: World, leaves: Leaves, clock: FakeClock
) -> None:
    leaves.waits_after = 1
    await world.deliver(request())
    frozen = asyncio.create_task(world.sweeper.process_due())
    await until(lambda: leaves.slices == 1, what="a slice")
    await world.db.execute(
        "UPDATE lease SET token = token + 1, holder = gen_random_uuid(), until = 'infinity'"
    )
    async with world.db.session() as another:
        await another.execute("SELECT pg_advisory_lock(hashtext('sweeps'), 2)")
        leaves.gate.set()
        await asyncio.wait_for(frozen, 5)
        assert await world.remaining() == 5
        await another.execute("SELECT pg_advisory_unlock(hashtext('sweeps'), 2)")
    leaves.waits_after = None
    await Sweeper(OWNER, world.db, clock, PriorityOutbox(), (leaves,)).process_due()
    (reply,) = await world.replies()
    assert (reply.found, reply.removed) == (7, 7)


async def test_a_hold_placed_during_a_sweep_applies_from_the_next_slice(world: World, leaves: Leaves) -> None:
    leaves.waits_after = 1
    requested = request()
    await world.deliver(requested)
    running = asyncio.create_task(world.sweeper.process_due())
    await until(lambda: leaves.slices == 1, what="a slice")
    hold = Hold(hold_id=uuid4(), article_ids=("up:5",))
    await world.deliver(requested.model_copy(update={"attempt": 2, "holds": (hold,)}))
    leaves.gate.set()
    await running
    (reply,) = await world.replies()
    assert (reply.removed, reply.held, reply.attempt) == (6, 1, 2)
    assert await world.db.fetchval("SELECT id FROM leaf") == "5"


async def test_an_unavailable_dependency_is_retried_and_finally_reported(
    world: World, leaves: Leaves
) -> None:
    await world.deliver(requested := request())
    leaves.errors = [Transient("the disk is away")]
    await world.sweeper.process_due()
    assert await world.replies() == []
    await world.sweeper.process_due()
    assert await world.remaining() == 7, "no retry before its time"
    leaves.errors = [Transient("the disk is away")] * (module.TRIES.attempts - 1)
    for _ in range(module.TRIES.attempts):
        world.clock.advance(seconds=2 * module.TRIES.delay_ms_max / 1000)
        await world.sweeper.process_due()
    (reply,) = await world.replies()
    assert isinstance(reply, SweepFailed)
    assert "the disk is away" in reply.error
    await world.deliver(requested.model_copy(update={"attempt": 2}))
    await world.sweeper.process_due()
    assert (await world.replies())[-1].removed == 7


async def test_an_unexpected_error_is_reported_without_its_message(world: World, leaves: Leaves) -> None:
    leaves.errors = [ValueError("the text of somebody else")]
    await world.deliver(request())
    await world.sweeper.process_due()
    (reply,) = await world.replies()
    assert reply.error == "ValueError"


async def test_poison_in_a_class_is_reported_with_its_message(world: World, leaves: Leaves) -> None:
    leaves.errors = [Poison("action_refused", "leaves fall")]
    await world.deliver(request())
    await world.sweeper.process_due()
    assert "action_refused: leaves fall" in (await world.replies())[0].error


def test_a_class_that_is_named_twice_is_refused(world: World, leaves: Leaves) -> None:
    with pytest.raises(Stop, match="twice"):
        Sweeper(OWNER, world.db, world.clock, PriorityOutbox(), (leaves, leaves))


@pytest.mark.parametrize("action", [Action.VACUUM, Action.ANALYZE, Action.REINDEX])
async def test_tables_are_maintained_and_their_sizes_reported(world: World, action: Action) -> None:
    await world.deliver(request(action=action, before=None))
    await world.sweeper.process_due()
    (reply,) = await world.replies()
    assert [(one.table, one.bytes_before > 0) for one in reply.tables] == [("leaf", True)]
    assert await world.remaining() == 7


async def test_a_request_on_the_topic_is_answered_at_once_and_garbage_is_quarantined(
    topics: Broker, context: BusContext, leaves: Leaves
) -> None:
    sweeper = Sweeper(context.service, context.db, context.clock, context.outbox, (leaves,))
    requested = request(owners=(context.service,))
    good = Raw.of(Message.of(requested, uuid4(), at=BEFORE, traceparent=None))
    bad = [
        good.replace(value=b"{no json"),
        good.replace(value=None),
        good.replace(value=good.value.replace(b"delete", b"forget") if good.value else None),
        good.replace(key=b"pebbles"),
        good.replace(headers={"ce_type": b"clawback.sweep.dreamt.v1"}),
    ]
    async with consuming(context, sweeper.subscription()):
        working = asyncio.ensure_future(sweeper.loop().work())
        await topics.send(SweepRequested.TOPIC, [*bad, good])

        async def replied() -> UUID | None:
            found: UUID | None = await context.db.fetchval(
                "SELECT sweep_id FROM sweep_task WHERE outcome = 'completed'"
            )
            return found

        assert await until(replied, what="a reply") == requested.sweep_id
        await asyncio.wait_for(working, 5)
        count = "SELECT count(*) FROM quarantine WHERE topic = 'sweeps.v1'"
        await until(lambda: _counts(context.db, count, len(bad)), what="garbage is quarantined")


async def _counts(db: Database, query: str, wanted: int) -> bool:
    return bool(await db.fetchval(query) == wanted)


async def test_job_runs_are_swept_by_age_in_every_service(world: World) -> None:
    for _ in range(3):
        async with jobs.run(world.db, world.clock, "a", cause="schedule"):
            pass
        world.clock.advance(days=1)
    limit = world.clock.now() - timedelta(days=1)
    world.clock.advance(days=40)
    await world.deliver(request(data_class="job_runs", before=limit, dry_run=True))
    await world.sweeper.process_due()
    await world.deliver(request(data_class="job_runs", before=limit))
    await world.sweeper.process_due()
    counted, removed = await world.replies()
    assert (counted.found, counted.removed, removed.found, removed.removed) == (2, 2, 2, 2)
    assert len(await jobs.page(world.db)) == 1


@pytest_asyncio.fixture
async def pages(database: Database) -> AsyncIterator[AgedTableClass]:
    """A table of rows that are a day apart, on articles a, b, c and so on."""
    await database.execute(
        "CREATE TABLE page (n int PRIMARY KEY, at timestamptz, subject text, done boolean)"
    )
    await database.execute(
        "INSERT INTO page SELECT n, $1::timestamptz - n * interval '1 day', 'up:' || chr(96 + n), n <> 4"
        " FROM generate_series(1, 6) AS n",
        BEFORE,
    )
    yield AgedTableClass(
        db=database, name="pages", table="page", key="n", dated_by="at", only="done", held_by="subject"
    )


async def test_holds_by_id_or_date_and_the_condition_keep_rows(
    pages: AgedTableClass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clawback_common.retention.aged.SLICE", 2)
    holds = (
        Hold(hold_id=uuid4(), article_ids=("up:b",)),
        Hold(hold_id=uuid4(), dated_until=BEFORE - timedelta(days=5)),
    )
    requested = request(data_class="pages", holds=holds)
    assert await pages.count(requested) == SweepCounts(5, 3, 2)
    assert await pages.remove(requested, Progress()) == SweepCounts(5, 3, 2)
    remaining = await pages.db.fetch("SELECT n FROM page ORDER BY n")
    assert [row["n"] for row in remaining] == [2, 4, 6]


async def test_a_simple_table_is_never_swept_by_another_action(pages: AgedTableClass) -> None:
    with pytest.raises(Poison, match="action_refused"):
        await pages.remove(request(data_class="pages", action=Action.ARCHIVE), Progress())


async def test_every_query_can_be_prepared(database: Database) -> None:
    assert await prepare_all(database, "clawback_common.retention") == []
