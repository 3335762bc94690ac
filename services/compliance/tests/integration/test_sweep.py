"""Old records are archived, read back and deleted; open orders and those in force are kept."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from clawback_common.errors import Poison, Transient
from clawback_common.retention import Progress, SweepCounts
from clawback_common.retention.archive import ArchiveStore
from clawback_common.retention.objects import Objects
from clawback_contracts.holder.v1 import HolderKind
from clawback_contracts.revocation.v1 import ArticleRevoked
from clawback_contracts.sweep.v1 import Action, Hold, SweepCompleted, SweepFailed, SweepRequested
from clawback_testing.s3 import S3, Trouble
from clawback_testing.waiting import until
from compliance.storage import sweeps
from compliance.storage.retention import Records
from compliance.use_cases import holders
from compliance.use_cases.orders import reinstate
from services.compliance.tests.integration.conftest import SEARCH, World

pytestmark = pytest.mark.integration

REVOKED, LIVE, OPEN = "metabase:revoked", "metabase:live", "metabase:open"
DAYS = 30


@pytest.fixture
def records(world: World, tmp_path: Path) -> Records:
    """The data class, with archives in a folder."""
    return Records(world.db, world.clock, ArchiveStore(tmp_path.as_uri()))


def request(world: World, **more: Any) -> SweepRequested:
    """A request to archive everything closed a month ago."""
    fields: dict[str, Any] = {
        "sweep_id": uuid4(),
        "data_class": "compliance_records",
        "action": Action.ARCHIVE,
        "owners": ("compliance",),
        "before": world.clock.now() - timedelta(days=DAYS),
        "requested_at": world.clock.now(),
        "requested_by": "a test",
    }
    return SweepRequested(**(fields | more))


async def create_old_orders(world: World) -> None:
    """Old orders: one article is revoked, one was reinstated, and one has an unanswered obligation."""
    revoked, live, _ = await world.revoke(REVOKED, LIVE, OPEN)
    await world.close(revoked, live)
    await world.db.execute("UPDATE obligation SET state = 'verified' WHERE kind = 'expiry'")
    order = await reinstate(live.revocation_id, "an officer", "a mistake", world.service)
    row = await world.db.fetchrow("SELECT * FROM revocation WHERE revocation_id = $1", order.revocation_id)
    assert row is not None
    await world.db.execute(
        "UPDATE obligation SET state = 'verified' WHERE revocation_id = $1", order.revocation_id
    )
    await world.db.execute(
        "UPDATE revocation SET closed_at = $2 WHERE revocation_id = $1",
        order.revocation_id,
        world.clock.now(),
    )
    for _ in range(2):
        await world.db.execute(
            "INSERT INTO run (run_id, cause, requested_by, requested_at, state, outcome, ended_at, mock)"
            " VALUES ($1, 'schedule', 'c', $2, 'completed', 'ok', $2, true)",
            uuid4(),
            world.clock.now(),
        )
        world.clock.advance(seconds=1)
    await holders.holder_registered(SEARCH.model_copy(update={"purpose": "another"}), "test", world.service)
    world.clock.advance(days=DAYS + 1)


async def orders(world: World) -> set[str]:
    rows = await world.db.fetch("SELECT article_id FROM revocation")
    return {row["article_id"] for row in rows}


async def test_old_records_are_archived_and_deleted_and_orders_open_or_in_force_stay(
    world: World, records: Records, tmp_path: Path
) -> None:
    await create_old_orders(world)
    counted = await records.count(request(world))
    assert await orders(world) == {REVOKED, LIVE, OPEN}
    counts = await records.remove(request(world), Progress())
    assert counts.archives
    assert (counts.found, counts.removed, counts.held, counts.kept) == (
        counted.found,
        counted.removed,
        0,
        1,
    )
    assert await orders(world) == {REVOKED, OPEN}
    assert await world.db.fetchval("SELECT count(*) FROM run") == 1, "the last run is kept"
    written = [one for name in counts.archives for one in ArchiveStore(tmp_path.as_uri()).read(name.path)]
    assert len(written) == counts.removed
    found = Counter(one.schema for one in written)
    assert (found["revocation"], found["notice"], found["run"], found["holder_change"]) == (2, 1, 1, 1)
    assert {one.value["article_id"] for one in written if one.schema == "revocation"} == {LIVE}
    assert found["receipt"] == 4, "also the receipts of the order in force"
    assert await records.remove(request(world), Progress()) == SweepCounts(1, 0, 0, 1)


async def test_a_notice_repeated_after_years_resends_the_order_in_force(
    world: World, records: Records
) -> None:
    notice = world.notice("metabase:1")
    await world.notices(notice)
    (order,) = await world.events(ArticleRevoked)
    await world.close(order)
    await world.db.execute("UPDATE obligation SET state = 'verified' WHERE kind = 'expiry'")
    world.clock.advance(days=DAYS + 1)
    await records.remove(request(world), Progress())
    await world.notices(notice)
    again = (await world.events(ArticleRevoked))[-1]
    assert (again.revocation_id, again.order, again.attempt) == (order.revocation_id, order.order, 2)
    await world.notices(world.notice("metabase:1"))
    assert (await world.events(ArticleRevoked))[-1].order == order.order
    await world.receipts(world.receipt(again, "search"))
    assert await world.alerts() == []


async def test_no_order_number_is_issued_twice_after_a_sweep(world: World, records: Records) -> None:
    await create_old_orders(world)
    last = await world.db.fetchval("SELECT max(order_no) FROM revocation WHERE article_id = $1", LIVE)
    await records.remove(request(world), Progress())
    (order,) = await world.revoke(LIVE)
    assert (order.order > last, order.previous_order) == (True, last)


async def test_records_under_a_hold_by_id_or_by_date_are_not_deleted(world: World, records: Records) -> None:
    await create_old_orders(world)
    by_id = request(world, holds=[Hold(hold_id=uuid4(), article_ids=(LIVE,))])
    everything = request(world, holds=[Hold(hold_id=uuid4())])
    assert (await records.count(everything)).removed == 0
    assert (await records.remove(everything, Progress())).removed == 0
    counts = await records.remove(by_id, Progress())
    assert counts.held == 2
    assert await orders(world) == {REVOKED, LIVE, OPEN}


async def test_nothing_is_deleted_when_its_archive_cannot_be_read_back(
    world: World, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_old_orders(world)
    put = Objects.put
    monkeypatch.setattr(
        Objects, "put", lambda self, path, data: put(self, path, data[:-1] if ".gz" in path else data)
    )
    with pytest.raises(Poison, match="archive_damaged"):
        await records.remove(request(world), Progress())
    assert await orders(world) == {REVOKED, LIVE, OPEN}


async def test_records_are_archived_in_a_bucket_and_deleted(world: World, s3: S3) -> None:
    await create_old_orders(world)
    store = ArchiveStore("s3://archive/compliance")
    counts = await Records(world.db, world.clock, store).remove(request(world), Progress())
    read = await asyncio.to_thread(lambda: [one for name in counts.archives for one in store.read(name.path)])
    assert len(read) == counts.removed > 0
    assert {f"compliance/{one.path}" for one in counts.archives} < set(s3.objects)
    assert await orders(world) == {REVOKED, OPEN}


@pytest.mark.parametrize(
    ("method", "trouble", "error"),
    [
        ("PUT", "away", Transient),
        ("PUT", "denied", Transient),
        ("PUT", "hangs", Transient),
        ("PUT", "one byte differs", Poison),
        ("GET", "away", Transient),
        ("GET", "denied", Transient),
        ("GET", "hangs", Transient),
        ("GET", "ends early", Transient),
    ],
)
async def test_a_bucket_that_is_away_refuses_hangs_or_damages_removes_nothing(
    world: World, s3: S3, method: str, trouble: Trouble, error: type[Exception]
) -> None:
    await create_old_orders(world)
    s3.trouble[method] = trouble
    owned = Records(world.db, world.clock, ArchiveStore("s3://archive"))
    with pytest.raises(error, match="archive"):
        await asyncio.wait_for(owned.remove(request(world), Progress()), 10)
    assert await orders(world) == {REVOKED, LIVE, OPEN}
    assert s3.requests


async def test_a_record_missing_from_the_archive_is_not_deleted(
    world: World, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adds a record to an order while it is archived."""
    await create_old_orders(world)
    lock_orders = sweeps.lock_orders

    async def short(*args: Any) -> Any:
        taken = await lock_orders(*args)
        return sweeps.Slice(taken.records[:-1], taken.keys)

    monkeypatch.setattr(sweeps, "lock_orders", short)
    with pytest.raises(Poison, match="archive_differs"):
        await records.remove(request(world), Progress())
    assert await orders(world) == {REVOKED, LIVE, OPEN}


async def test_an_interrupted_sweep_resumes_and_each_slice_has_its_archive(
    world: World, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "SLICE", 1)
    await create_old_orders(world)
    notes_kept: dict[str, Any] = {}

    async def save(_: Any, notes: Any) -> None:
        if len(notes["archives"]) > 1 and not notes_kept.get("died"):
            notes_kept["died"] = True
            raise RuntimeError("killed")
        notes_kept.update(notes)

    sweep = request(world)
    with pytest.raises(RuntimeError):
        await records.remove(sweep, Progress(notes_kept, save))
    counts = await records.remove(sweep, Progress(notes_kept, save))
    assert sum(one.records for one in counts.archives) == counts.removed
    assert len({one.path for one in counts.archives}) == len(counts.archives) > 3


@pytest.mark.parametrize(("action", "archived"), [(Action.DELETE, True), (Action.ARCHIVE, False)])
async def test_nothing_is_deleted_without_an_archive(
    world: World, records: Records, action: Action, *, archived: bool
) -> None:
    owned = records if archived else Records(world.db, world.clock, None)
    with pytest.raises(Poison, match=r"action_refused|archive_missing"):
        await owned.remove(request(world, action=action), Progress())


async def test_writes_during_archiving_are_not_blocked_and_are_archived_too(
    world: World, records: Records, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await create_old_orders(world)
    write = Records._archive
    calls: list[str] = []

    async def add_receipt(self: Records, name: str, taken: Any) -> Any:
        if not calls:
            late = await world.db.fetchval("SELECT article_id FROM revocation WHERE article_id = $1", LIVE)
            await asyncio.wait_for(_receipt_on(world, late), 5)
        calls.append(name)
        return await write(self, name, taken)

    monkeypatch.setattr(Records, "_archive", add_receipt)
    counts = await records.remove(request(world), Progress())
    assert calls[0] == calls[1], "written again"
    written = [one for name in counts.archives for one in ArchiveStore(tmp_path.as_uri()).read(name.path)]
    assert "late" in {one.value["holder"] for one in written if one.schema == "receipt"}
    assert len(written) == counts.removed


async def _receipt_on(world: World, article_id: str) -> None:
    """Adds a receipt for an order that is being archived."""
    order_no = await world.db.fetchval(
        "SELECT max(order_no) FROM revocation WHERE article_id = $1", article_id
    )
    await world.db.execute(
        "INSERT INTO receipt SELECT $1, $2, $3, 'late', 1, '{}', $4, $4, 't', 'repeated'",
        uuid4(),
        article_id,
        order_no,
        world.clock.now(),
    )


async def test_every_sweep_request_gets_an_answer(world: World) -> None:
    before = world.clock.now() - timedelta(days=7 * 365)
    requests = [request(world, before=before), request(world, before=before, dry_run=True)]
    await world.service.sweeper.requested(world.received(requests))
    await until(lambda: _all_processed(world), what="both are answered")
    kinds = {
        row["type"]
        for row in await world.db.fetch("SELECT type FROM outbox_priority WHERE topic LIKE 'sweep%'")
    }
    assert kinds == {SweepCompleted.TYPE, SweepFailed.TYPE}, "there is no archive in this test"


async def _all_processed(world: World) -> bool:
    await world.service.sweeper.process_due()
    return bool(await world.db.fetchval("SELECT bool_and(outcome IS NOT NULL) FROM sweep_task"))


async def test_our_own_holders_are_never_swept(world: World, records: Records) -> None:
    await create_old_orders(world)
    await records.remove(request(world), Progress())
    rows = await world.db.fetch("SELECT name, kind FROM holder ORDER BY name")
    assert ("ingester", HolderKind.STORE.value) in [(row["name"], row["kind"]) for row in rows]
    assert await world.db.fetchval("SELECT count(DISTINCT name) FROM holder_change") == len(rows)
