"""Old records are archived, read back and deleted; open orders and those in force stay."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from clawback_common.errors import Poison
from clawback_common.retention import Progress, SweepCounts, archive
from clawback_common.retention.archive import ArchiveFolder
from clawback_contracts.holder.v1 import HolderKind
from clawback_contracts.revocation.v1 import ArticleRevoked
from clawback_contracts.sweep.v1 import Action, Hold, SweepCompleted, SweepFailed, SweepRequested
from clawback_testing.waiting import until
from compliance.storage import sweeps
from compliance.storage.retention import Records
from compliance.use_cases import holders
from compliance.use_cases.orders import reinstate
from services.compliance.tests.integration.conftest import SEARCH, World

pytestmark = pytest.mark.integration

STANDS, LIFTED, OPEN = "metabase:stands", "metabase:lifted", "metabase:open"
DAYS = 30


@pytest.fixture
def records(world: World, tmp_path: Path) -> Records:
    """The data class, with a folder for archives."""
    return Records(world.db, world.clock, ArchiveFolder(tmp_path))


def request(world: World, **more: Any) -> SweepRequested:
    """A request to archive everything closed a month ago."""
    given: dict[str, Any] = {
        "sweep_id": uuid4(),
        "data_class": "compliance_records",
        "action": Action.ARCHIVE,
        "owners": ("compliance",),
        "before": world.clock.now() - timedelta(days=DAYS),
        "requested_at": world.clock.now(),
        "requested_by": "a test",
    }
    return SweepRequested(**(given | more))


async def years_pass(world: World) -> None:
    """Old orders: one article is revoked, one was reinstated, and one has an unanswered obligation."""
    stands, lifted, _ = await world.revoke(STANDS, LIFTED, OPEN)
    await world.close(stands, lifted)
    await world.db.execute("UPDATE obligation SET state = 'verified' WHERE kind = 'expiry'")
    lifting = await reinstate(lifted.revocation_id, "an officer", "a mistake", world.service)
    row = await world.db.fetchrow("SELECT * FROM revocation WHERE revocation_id = $1", lifting.revocation_id)
    assert row is not None
    await world.db.execute(
        "UPDATE obligation SET state = 'verified' WHERE revocation_id = $1", lifting.revocation_id
    )
    await world.db.execute(
        "UPDATE revocation SET closed_at = $2 WHERE revocation_id = $1",
        lifting.revocation_id,
        world.clock.now(),
    )
    for _ in range(2):
        await world.db.execute(
            "INSERT INTO run (run_id, cause, asked_by, asked_at, state, outcome, ended_at, mock)"
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
    await years_pass(world)
    counted = await records.count(request(world))
    assert await orders(world) == {STANDS, LIFTED, OPEN}
    tally = await records.remove(request(world), Progress())
    assert tally.archives
    assert (tally.found, tally.removed, tally.held, tally.kept) == (
        counted.found,
        counted.removed,
        0,
        1,
    )
    assert await orders(world) == {STANDS, OPEN}
    assert await world.db.fetchval("SELECT count(*) FROM run") == 1, "the newest says when the next is due"
    written = [one for name in tally.archives for one in archive.read(tmp_path / name.path)]
    assert len(written) == tally.removed
    found = Counter(one.schema for one in written)
    assert (found["revocation"], found["notice"], found["run"], found["holder_change"]) == (2, 1, 1, 1)
    assert {one.value["article_id"] for one in written if one.schema == "revocation"} == {LIFTED}
    assert found["receipt"] == 4, "of the one that stands, the receipts"
    assert await records.remove(request(world), Progress()) == SweepCounts(1, 0, 0, 1)


async def test_a_notice_that_is_repeated_after_years_is_answered_with_the_order_in_force(
    world: World, records: Records
) -> None:
    notice = world.notice("metabase:1")
    await world.notices(notice)
    (order,) = await world.unsent(ArticleRevoked)
    await world.close(order)
    await world.db.execute("UPDATE obligation SET state = 'verified' WHERE kind = 'expiry'")
    world.clock.advance(days=DAYS + 1)
    await records.remove(request(world), Progress())
    await world.notices(notice)
    again = (await world.unsent(ArticleRevoked))[-1]
    assert (again.revocation_id, again.order, again.attempt) == (order.revocation_id, order.order, 2)
    await world.notices(world.notice("metabase:1"))
    assert (await world.unsent(ArticleRevoked))[-1].order == order.order
    await world.receipts(world.receipt(again, "search"))
    assert await world.alerts() == []


async def test_a_number_is_never_given_twice(world: World, records: Records) -> None:
    await years_pass(world)
    given = await world.db.fetchval("SELECT max(order_no) FROM revocation WHERE article_id = $1", LIFTED)
    await records.remove(request(world), Progress())
    (order,) = await world.revoke(LIFTED)
    assert (order.order > given, order.previous_order) == (True, given)


async def test_what_is_held_by_id_or_by_date_stays(world: World, records: Records) -> None:
    await years_pass(world)
    by_id = request(world, holds=[Hold(hold_id=uuid4(), article_ids=(LIFTED,))])
    everything = request(world, holds=[Hold(hold_id=uuid4())])
    assert (await records.count(everything)).removed == 0
    assert (await records.remove(everything, Progress())).removed == 0
    tally = await records.remove(by_id, Progress())
    assert tally.held == 2
    assert await orders(world) == {STANDS, LIFTED, OPEN}


async def test_an_archive_that_cannot_be_read_back_removes_nothing(
    world: World, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    await years_pass(world)
    put = archive._put
    monkeypatch.setattr(
        archive, "_put", lambda path, data: put(path, data[:-1] if ".gz" in path.name else data)
    )
    with pytest.raises(Poison, match="archive_damaged"):
        await records.remove(request(world), Progress())
    assert await orders(world) == {STANDS, LIFTED, OPEN}


async def test_what_was_not_archived_does_not_go(
    world: World, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adds a record to an order while it is archived."""
    await years_pass(world)
    take = sweeps.lock_orders

    async def short(*args: Any) -> Any:
        taken = await take(*args)
        return sweeps.Slice(taken.records[:-1], taken.keys)

    monkeypatch.setattr(sweeps, "lock_orders", short)
    with pytest.raises(Poison, match="archive_differs"):
        await records.remove(request(world), Progress())
    assert await orders(world) == {STANDS, LIFTED, OPEN}


async def test_slices_resume_and_each_has_its_archive(
    world: World, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "SLICE", 1)
    await years_pass(world)
    kept: dict[str, Any] = {}

    async def keep(_: Any, notes: Any) -> None:
        if len(notes["archives"]) > 1 and not kept.get("died"):
            kept["died"] = True
            raise RuntimeError("killed")
        kept.update(notes)

    asked = request(world)
    with pytest.raises(RuntimeError):
        await records.remove(asked, Progress(kept, keep))
    tally = await records.remove(asked, Progress(kept, keep))
    assert sum(one.records for one in tally.archives) == tally.removed
    assert len({one.path for one in tally.archives}) == len(tally.archives) > 3


@pytest.mark.parametrize(("action", "archived"), [(Action.DELETE, True), (Action.ARCHIVE, False)])
async def test_nothing_is_deleted_without_an_archive(
    world: World, records: Records, action: Action, *, archived: bool
) -> None:
    owned = records if archived else Records(world.db, world.clock, None)
    with pytest.raises(Poison, match=r"action_refused|archive_missing"):
        await owned.remove(request(world, action=action), Progress())


async def test_while_it_is_archived_nobody_waits_and_what_comes_meanwhile_is_archived_too(
    world: World, records: Records, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await years_pass(world)
    write = Records._archive
    calls: list[str] = []

    async def slowly(self: Records, name: str, taken: Any) -> Any:
        if not calls:
            late = await world.db.fetchval("SELECT article_id FROM revocation WHERE article_id = $1", LIFTED)
            await asyncio.wait_for(_receipt_on(world, late), 5)
        calls.append(name)
        return await write(self, name, taken)

    monkeypatch.setattr(Records, "_archive", slowly)
    tally = await records.remove(request(world), Progress())
    assert calls[0] == calls[1], "written anew"
    written = [one for name in tally.archives for one in archive.read(tmp_path / name.path)]
    assert "late" in {one.value["holder"] for one in written if one.schema == "receipt"}
    assert len(written) == tally.removed


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


async def test_a_request_is_answered_by_the_service(world: World) -> None:
    before = world.clock.now() - timedelta(days=7 * 365)
    asked = [request(world, before=before), request(world, before=before, dry_run=True)]
    await world.service.sweeper.requested(world.received(asked))
    await until(lambda: _worked(world), what="both are answered")
    kinds = {
        row["type"]
        for row in await world.db.fetch("SELECT type FROM outbox_orders WHERE topic LIKE 'sweep%'")
    }
    assert kinds == {SweepCompleted.TYPE, SweepFailed.TYPE}, "there is no archive in this test"


async def _worked(world: World) -> bool:
    await world.service.sweeper.process_due()
    return bool(await world.db.fetchval("SELECT bool_and(outcome IS NOT NULL) FROM sweep_task"))


async def test_our_own_holders_are_never_swept(world: World, records: Records) -> None:
    await years_pass(world)
    await records.remove(request(world), Progress())
    rows = await world.db.fetch("SELECT name, kind FROM holder ORDER BY name")
    assert ("ingester", HolderKind.STORE.value) in [(row["name"], row["kind"]) for row in rows]
    assert await world.db.fetchval("SELECT count(DISTINCT name) FROM holder_change") == len(rows)
