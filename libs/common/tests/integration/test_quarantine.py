"""Quarantine, retries of dead letters, incidents, and the inbox, in a real database."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from clawback_common.errors import Poison, Transient
from clawback_common.http.dead_letters import DeadLetterFilter
from clawback_common.kafka.authentication import Authentication
from clawback_common.kafka.envelope import Batch
from clawback_common.kafka.subscription import Subscription
from clawback_common.messaging import inbox, incidents, quarantine
from clawback_common.messaging.dead_letters import NEWEST, DeadLetterService, Redrive, redrive_by_subscription
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Database, Transaction
from clawback_common.postgres.pool import Row
from clawback_common.retention import purging
from clawback_testing.clock import FakeClock
from clawback_testing.subscribers import AT, Ping, Recorder, fails_at, ping

pytestmark = pytest.mark.integration

GROUP = "svc"
TOPIC = "ping"


def bad(number: int, subject: str | None = "ann", **changed: Any) -> Bad:
    """A record that was refused once, and is readable."""
    message = ping(number)
    headers = {name: value.decode() for name, value in message.headers("test")}
    one = Bad(
        Poison("refused_here", "a field"),
        source=GROUP,
        topic=TOPIC,
        partition=1,
        offset=number,
        at=AT,
        event_id=str(message.event_id),
        subjects=(subject,) if subject else (),
        type=message.type,
        key=message.key.encode(),
        value=message.value,
        headers=headers,
    )
    return replace(one, **changed)


async def add(db: Database, clock: FakeClock, *records: Bad) -> list[UUID]:
    async with db.transaction() as tx:
        return await quarantine.put(tx, PriorityOutbox(), records, clock.now())


async def rows_of(db: Database) -> list[Row]:
    return await db.fetch("SELECT * FROM quarantine ORDER BY kafka_offset")


async def test_the_same_record_is_quarantined_once_however_often_it_is_delivered(
    database: Database, clock: FakeClock
) -> None:
    assert len(await add(database, clock, bad(1), bad(1), bad(2))) == 2
    clock.advance(hours=1)
    assert len(await add(database, clock, bad(1), bad(3))) == 1
    assert len(await rows_of(database)) == 3
    assert await database.fetchval("SELECT count(*) FROM outbox_priority") == 3


async def test_the_same_offset_in_a_new_log_is_another_record(database: Database, clock: FakeClock) -> None:
    await add(database, clock, bad(1))
    await add(database, clock, bad(1, at=AT + timedelta(days=1)), bad(1, event_id="other"))
    assert len(await rows_of(database)) == 3


async def test_text_that_postgresql_cannot_store_is_quarantined(database: Database, clock: FakeClock) -> None:
    odd = "a\0b" + "x" * 9_000
    one = bad(1, subjects=(odd,), event_id=odd, type=odd, headers={"x-odd": odd}, error=Poison("odd", odd))
    one = replace(one, error=Poison("odd", "x" * 9_000), value=b"\0\xff")
    assert len(await add(database, clock, one)) == 1
    (row,) = await rows_of(database)
    assert (row["subjects"][0][:3], len(row["subjects"][0]), row["value"]) == ("a\ufffdb", 500, b"\0\xff")


async def test_a_takedown_removes_the_bytes_on_its_subjects_and_nothing_else(
    database: Database, clock: FakeClock
) -> None:
    await add(database, clock, bad(1, "ann"), bad(2, "ann"), bad(3, "bob"), bad(4, None))
    assert await quarantine.held(database, ["ann", "bob", "eve"]) == {"ann", "bob"}
    async with database.transaction() as tx:
        assert await quarantine.purge(tx, ["ann", "eve"], clock.now()) == {"ann"}
    assert await quarantine.held(database, ["ann", "bob"]) == {"bob"}
    rows = await rows_of(database)
    assert [(row["value"] is None, row["record_key"] is None, row["headers"]) for row in rows[:2]] == [
        (True, True, "{}")
    ] * 2
    assert [(row["resolution"], row["reason"]) for row in rows] == [
        ("removed", "refused_here"),
        ("removed", "refused_here"),
        (None, "refused_here"),
        (None, "refused_here"),
    ]
    async with database.transaction() as tx:
        assert await quarantine.purge(tx, ["ann"], clock.now()) == set()


async def test_bytes_are_deleted_by_age_and_sooner_when_no_takedown_can_find_them(
    database: Database, clock: FakeClock
) -> None:
    await add(database, clock, bad(1, "ann"), bad(2, None))

    async def with_bytes() -> list[int]:
        await quarantine.tidy(database, clock.now())
        return [row["kafka_offset"] for row in await rows_of(database) if row["value"] is not None]

    clock.advance(hours=11)
    assert await with_bytes() == [1, 2]
    clock.advance(hours=2)
    assert await with_bytes() == [1]
    clock.advance(days=30)
    assert await with_bytes() == []
    assert [row["resolution"] for row in await rows_of(database)] == ["expired", "expired"]
    assert len(await rows_of(database)) == 2


async def test_a_takedown_finds_a_record_by_any_id_that_it_may_be_about(
    database: Database, clock: FakeClock
) -> None:
    await add(database, clock, bad(1, subjects=("partition-key-3", "up:7", "up:8")))
    assert await quarantine.held(database, ["up:7", "up:9"]) == {"up:7"}
    async with database.transaction() as tx:
        assert await quarantine.purge(tx, ["up:8", "up:9"], clock.now()) == {"up:8"}
    assert await quarantine.held(database, ["up:7", "up:8"]) == set()
    (row,) = await rows_of(database)
    assert (row["value"], row["record_key"], row["headers"], row["purge_at"]) == (None, None, "{}", None)


async def test_headers_and_key_of_a_record_without_a_value_are_purged_as_well(
    database: Database, clock: FakeClock
) -> None:
    await add(database, clock, bad(1, "up:1", value=None), bad(2, "up:2", value=None))
    assert await quarantine.held(database, ["up:1"]) == {"up:1"}
    async with database.transaction() as tx:
        assert await quarantine.purge(tx, ["up:1"], clock.now()) == {"up:1"}
    await quarantine.tidy(database, clock.advance(days=31))
    assert [(row["record_key"], row["headers"]) for row in await rows_of(database)] == [(None, "{}")] * 2


def forbids(*article_ids: str) -> quarantine.ForbiddenIds:
    async def forbidden(_: Transaction, subjects: Sequence[str]) -> set[str]:
        return set(subjects) & set(article_ids)

    return forbidden


async def test_no_bytes_are_stored_of_a_record_about_a_forbidden_id(
    database: Database, clock: FakeClock
) -> None:
    records = [bad(1, subjects=("up:1", "up:7")), bad(2, subjects=("up:2",))]
    async with database.transaction() as tx:
        await quarantine.put(tx, PriorityOutbox(), records, clock.now(), forbids("up:7"))
    first, second = await rows_of(database)
    assert (first["value"], first["record_key"], first["headers"]) == (None, None, "{}")
    assert (first["reason"], first["resolution"]) == ("refused_here", "not_kept")
    assert (second["value"] is None, second["resolution"]) == (False, None)
    assert await quarantine.held(database, ["up:1", "up:2", "up:7"]) == {"up:2"}
    assert await database.fetchval("SELECT count(*) FROM outbox_priority") == 2


async def test_a_record_quarantined_while_its_article_is_revoked_keeps_no_bytes(
    database: Database, clock: FakeClock
) -> None:
    """The id has no row to lock: the second transaction must see the changes of the first."""
    await database.execute("CREATE TABLE revoked (article_id text PRIMARY KEY)")

    async def forbidden(tx: Transaction, subjects: Sequence[str]) -> set[str]:
        rows = await tx.fetch("SELECT article_id FROM revoked WHERE article_id = ANY ($1::text[])", subjects)
        return {row["article_id"] for row in rows}

    async def put_bad(article_id: str, number: int) -> None:
        async with database.transaction() as tx:
            one = bad(number, subjects=(article_id,))
            await quarantine.put(tx, PriorityOutbox(), [one], clock.now(), forbidden)
            await asyncio.sleep(0.005)

    async def revoked(article_id: str) -> None:
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO revoked VALUES ($1)", article_id)
            await quarantine.purge(tx, [article_id], clock.now())
            await asyncio.sleep(0.005)

    for number in range(30):
        article_id = f"up:{number}"
        first, second = put_bad(article_id, number), revoked(article_id)
        await asyncio.gather(*((first, second) if number % 2 else (second, first)))
    assert [row["kafka_offset"] for row in await rows_of(database) if row["value"] is not None] == []


async def test_a_failed_retry_does_not_change_what_a_takedown_resolved(
    database: Database, clock: FakeClock
) -> None:
    await add(database, clock, bad(1, "up:1"))
    clock.advance(minutes=1)

    async def taken_down(_: list[int]) -> None:
        async with database.transaction() as tx:
            await quarantine.purge(tx, ["up:1"], clock.now())
        raise Poison("still_refused")

    outcome = await dead_letter_service(database, clock, Recorder(taken_down)).retry(DeadLetterFilter())
    assert (outcome.retried, outcome.failed) == (0, 1)
    (row,) = await rows_of(database)
    assert (row["resolution"], row["resolved_at"]) == ("removed", clock.now())


def dead_letter_service(database: Database, clock: FakeClock, recorder: Recorder) -> DeadLetterService:
    async def handle(batch: Batch[Ping]) -> None:
        await recorder(batch)

    handlers: dict[str, Redrive] = redrive_by_subscription(
        GROUP, [Subscription(TOPIC, (Ping,), handle)], Authentication.none()
    )
    return DeadLetterService(database, clock, handlers.get)


async def test_dead_letters_are_retried_one_by_one_by_the_same_handler(
    database: Database, clock: FakeClock
) -> None:
    await add(database, clock, *(bad(n) for n in range(4)))
    clock.advance(minutes=1)
    recorder = Recorder(fails_at(2, Poison("still_refused", "number")))
    outcome = await dead_letter_service(database, clock, recorder).retry(DeadLetterFilter())
    assert (outcome.retried, outcome.failed) == (3, 1)
    assert sorted(recorder.numbers) == [0, 1, 3]
    rows = await rows_of(database)
    assert [row["resolution"] for row in rows] == ["retried", "retried", None, "retried"]
    assert [row["value"] is None for row in rows] == [True, True, False, True]
    assert (rows[2]["reason"], rows[2]["retries"]) == ("still_refused", 1)
    again = Recorder()
    outcome = await dead_letter_service(database, clock, again).retry(DeadLetterFilter())
    assert (outcome.retried, outcome.failed, again.numbers) == (1, 0, [2])


@pytest.mark.parametrize("error", [Transient("away"), RuntimeError("a mistake of ours")])
async def test_a_dead_letter_that_fails_again_does_not_delay_the_others(
    database: Database, clock: FakeClock, error: Exception
) -> None:
    await add(database, clock, *(bad(n) for n in range(3)))
    clock.advance(minutes=1)
    recorder = Recorder(fails_at(1, error))
    outcome = await dead_letter_service(database, clock, recorder).retry(DeadLetterFilter())
    assert (outcome.retried, outcome.failed) == (2, 1)
    assert [row["value"] is not None for row in await rows_of(database)] == [False, True, False]


async def test_a_dead_letter_that_is_unreadable_or_without_handler_stays_with_its_reason(
    database: Database, clock: FakeClock
) -> None:
    await add(database, clock, bad(1, value=b"{"), bad(2, value=None), bad(3, topic="a source"))
    clock.advance(minutes=1)
    outcome = await dead_letter_service(database, clock, Recorder()).retry(DeadLetterFilter())
    assert (outcome.retried, outcome.failed) == (0, 2)
    rows = await rows_of(database)
    assert [row["reason"] for row in rows] == ["value_invalid", "refused_here", "no_way_back"]


async def test_dead_letters_are_listed_newest_first_each_once_and_by_filter(
    database: Database, clock: FakeClock
) -> None:
    for n in range(5):
        await add(database, clock, bad(n, error=Poison("odd" if n % 2 else "even")))
        clock.advance(minutes=n % 2)
    table = dead_letter_service(database, clock, Recorder())
    listed: list[int] = []
    before = NEWEST
    while rows := await table.list(DeadLetterFilter(), before, 2):
        listed += [row["kafka_offset"] for row in rows]
        before = (rows[-1]["set_aside_at"], rows[-1]["id"])
    assert sorted(listed) == [0, 1, 2, 3, 4]
    assert len(await table.list(DeadLetterFilter(reason="odd"), NEWEST, 10)) == 2
    assert await table.list(DeadLetterFilter(type="test.sung.v1"), NEWEST, 10) == []
    assert len(await table.list(DeadLetterFilter(older_than_s=90), NEWEST, 10)) == 2


async def open_incidents(db: Database, clock: FakeClock) -> list[UUID]:
    ids = [uuid4(), uuid4()]
    async with db.transaction() as tx:
        await incidents.open_all(
            tx, "odd_thing", [(ids[0], "ann", "why"), (ids[1], None, "why")], clock.now()
        )
        await incidents.open_all(tx, "odd_thing", [(ids[0], "ann", "why else")], clock.now())
        await incidents.open_all(tx, "odd_thing", [], clock.now())
    return ids


async def incidents_of(db: Database, *, closed_too: bool = False) -> Sequence[Row]:
    return await incidents.page(
        db, closed_too=closed_too, before=AT + timedelta(days=9), before_id=UUID(int=2**128 - 1), limit=10
    )


async def test_an_incident_stays_open_until_a_person_closes_it_once(
    database: Database, clock: FakeClock
) -> None:
    ids = await open_incidents(database, clock)
    assert await incidents.open_count(database) == 2
    async with database.transaction() as tx:
        closed = await incidents.close(tx, ids[0], "olga", "looked", clock.now())
        assert closed is not None
        assert (closed["subject"], closed["detail"]) == ("ann", "why")
        assert await incidents.close(tx, ids[0], "otto", "looked too", clock.now()) is None
        assert await incidents.close(tx, uuid4(), "otto", "what", clock.now()) is None
    assert await incidents.open_count(database) == 1
    assert [row["id"] for row in await incidents_of(database)] == [ids[1]]
    notes = {
        row["id"]: (row["closed_by"], row["note"]) for row in await incidents_of(database, closed_too=True)
    }
    assert notes == {ids[0]: ("olga", "looked"), ids[1]: (None, None)}


async def test_an_unreadable_record_opens_one_incident_with_its_quarantine_id(
    database: Database, clock: FakeClock
) -> None:
    one = bad(7)
    for _ in range(2):
        async with database.transaction() as tx:
            await incidents.open_for_unreadable(tx, [one], clock.now())
    (row,) = await incidents_of(database)
    assert (row["id"], row["subject"], row["detail"]) == (one.id, "ann", "ping-1 offset 7: refused_here")


def _by(source: str, *ids: str) -> list[tuple[str, str]]:
    return [(source, one) for one in ids]


async def test_an_effect_happens_once_per_event_id_and_consumer(database: Database, clock: FakeClock) -> None:
    async with database.transaction() as tx:
        assert await inbox.take(tx, "a", _by("ann", "1", "2", "2"), clock.now()) == {*_by("ann", "1", "2")}
        assert await inbox.take(tx, "a", _by("ann", "2", "3"), clock.now()) == {*_by("ann", "3")}
        assert await inbox.take(tx, "b", _by("ann", "2"), clock.now()) == {*_by("ann", "2")}
        assert await inbox.take(tx, "b", [], clock.now()) == set()


async def test_an_event_does_not_suppress_one_of_another_sender_with_its_id(
    database: Database, clock: FakeClock
) -> None:
    async with database.transaction() as tx:
        assert await inbox.take(tx, "a", _by("", "1"), clock.now()) == {*_by("", "1")}
        assert await inbox.take(tx, "a", _by("eve", "1"), clock.now()) == {*_by("eve", "1")}
        assert await inbox.take(tx, "a", _by("ann", "1"), clock.now()) == {*_by("ann", "1")}


async def test_an_event_whose_effect_was_rolled_back_is_new_again(
    database: Database, clock: FakeClock
) -> None:
    class GaveUp(Exception):
        """The effect failed."""

    async def effect() -> None:
        async with database.transaction() as tx:
            await inbox.take(tx, "a", _by("ann", "1"), clock.now())
            raise GaveUp

    with pytest.raises(GaveUp):
        await effect()
    async with database.transaction() as tx:
        assert await inbox.take(tx, "a", _by("ann", "1"), clock.now()) == {*_by("ann", "1")}


async def test_old_rows_of_the_inbox_are_deleted_in_slices(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "SLICE", 3)
    async with database.transaction() as tx:
        await inbox.take(tx, "a", _by("ann", *map(str, range(5))), clock.now())
        await inbox.take(tx, "a", _by("ann", "young"), clock.advance(days=31, seconds=1))
    await purging.purge(database, purging.COMMON, clock.now())
    async with database.transaction() as tx:
        assert await inbox.take(tx, "a", _by("ann", "young", "0"), clock.now()) == {*_by("ann", "0")}
