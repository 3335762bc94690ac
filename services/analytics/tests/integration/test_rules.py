"""Which articles are counted, and how orders are answered."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from analytics.domain.counting import Delta
from analytics.domain.facets import newest
from analytics.entrypoints.consumers import subscriptions
from analytics.storage import facets, rollups
from analytics.storage.values import ValueIds
from analytics.use_cases import counting, incidents
from analytics.use_cases.orders import on_orders
from analytics.use_cases.service import Service
from clawback_common.errors import Poison
from clawback_common.kafka import offsets
from clawback_common.messaging.quarantine import Bad, put
from clawback_contracts.alert.v1 import AlertRaised
from clawback_contracts.article.v1 import ArticlePublished, Licence, Source, Topic
from clawback_testing.waiting import until
from services.analytics.tests.integration.world import CANARY, World

pytestmark = pytest.mark.integration
A, B, C = "up:a", "up:b", "up:c"


def topics(*names: str) -> tuple[Topic, ...]:
    return tuple(Topic(name=name) for name in names)


async def test_a_repeated_article_counts_once(world: World) -> None:
    article = world.article(A, topics=topics("Markets", "Energy", "Markets"))
    await world.publish(article, article)
    await world.publish(article)
    assert (await world.counted(), await world.total()) == ({"Markets": 1, "Energy": 1}, 1)
    await world.must_be_exact()


async def test_a_newer_version_counts_instead_of_the_older_one(world: World) -> None:
    await world.publish(world.article(A, 1, topics=topics("Markets", "Energy")))
    await world.publish(world.article(A, 3, topics=topics("Energy", "Sports"), word_count=7))
    await world.publish(world.article(A, 2, topics=topics("Politics")))
    assert await world.counted() == {"Energy": 1, "Sports": 1}
    assert await world.words() == {"s1", "Energy", "Sports"}
    await world.must_be_exact()


async def test_a_revoked_article_leaves_no_count_and_no_value(world: World) -> None:
    await world.publish(world.article(A, topics=topics("Only here")), world.article(B))
    await world.order(world.revocation(A))
    assert (await world.counted(), await world.total()) == ({"Markets": 1}, 1)
    assert await world.words() == {"s1", "Markets"}
    assert await world.held(A, B) == {B}
    await world.must_be_exact()


async def test_an_order_for_other_holders_is_applied_without_a_receipt(world: World) -> None:
    await world.publish(world.article(A))
    await world.order(world.revocation(A, holders=("search",)))
    assert (await world.answers(), await world.held(A)) == ([], set())
    await world.order(world.revocation(A, holders=("analytics",), attempt=2))
    assert len(await world.answers()) == 1


async def test_every_sending_of_an_order_is_answered(world: World) -> None:
    await world.publish(world.article(A))
    order = world.revocation(A)
    await world.order(order)
    assert await world.answers() == [(A, 1, "removed", "never_held")]
    await world.order(order, world.revocation(B))
    assert await world.answers() == [
        (A, 1, "already_removed", "never_held"),
        (B, 1, "never_held", "never_held"),
    ]
    await world.order(world.reinstatement(A))
    await world.order(order)
    assert sorted(await world.answers()) == [(A, 1, *["superseded"] * 2), (A, 2, *["reinstated"] * 2)]


async def test_a_quarantined_record_is_purged_by_an_order_and_included_in_the_answer(world: World) -> None:
    bad = Bad(Poison("value_invalid"), "analytics", "articles.v1", subjects=(A,), value=CANARY.encode())
    async with world.db.transaction() as tx:
        await put(tx, world.service.outbox, [bad], world.clock.now())
    assert await world.held(A) == {A}
    await world.order(world.revocation(A))
    assert (await world.held(A), await world.answers()) == (set(), [(A, 1, "never_held", "removed")])


async def test_an_invalid_record_about_a_revoked_article_is_not_kept(world: World) -> None:
    await world.order(world.revocation(A))
    (lane,) = [one for one in subscriptions(world.service) if one.topic == ArticlePublished.TOPIC]
    bad = Bad(Poison("value_invalid"), "analytics", lane.topic, subjects=("up:z", A), value=CANARY.encode())
    async with world.db.transaction() as tx:
        await put(tx, world.service.outbox, [bad], world.clock.now(), lane.forbidden)
    assert await world.held(A, "up:z") == set()
    assert await world.db.fetchval("SELECT count(value) FROM quarantine") == 0


async def test_an_article_revoked_before_it_arrived_is_rejected(world: World) -> None:
    await world.order(world.revocation(A))
    await world.publish(world.article(A, topics=topics("Only here")))
    assert (await world.total(), await world.held(A), await world.words()) == (0, set(), set())


async def test_a_revoked_article_is_rejected_regardless_of_its_version(world: World) -> None:
    await world.publish(world.article(A))
    await world.order(world.revocation(A))
    await world.publish(world.article(A, 9, after_order=1))
    assert (await world.total(), await world.held(A)) == (0, set())


async def test_after_a_reinstatement_an_old_version_is_rejected_and_a_new_one_counts(world: World) -> None:
    await world.publish(world.article(A))
    await world.order(world.revocation(A))
    await world.order(world.reinstatement(A))
    await world.publish(world.article(A, 2, after_order=0))
    assert await world.total() == 0
    await world.publish(world.article(A, 2, after_order=2))
    assert await world.total() == 1
    await world.must_be_exact()


async def test_an_article_published_after_a_reinstatement_counts_even_if_it_arrives_first(
    world: World,
) -> None:
    await world.publish(world.article(A))
    await world.order(world.revocation(A))
    again = world.article(A, 2, after_order=2, topics=topics("Energy"))
    await world.publish(again)
    await world.order(world.reinstatement(A))
    await world.order(world.revocation(A))
    assert await world.counted() == {"Energy": 1}
    await world.publish(again)
    assert await world.counted() == {"Energy": 1}
    assert {(order, outcome) for _, order, outcome, _ in await world.answers()} == {
        (1, "removed"),
        (2, "reinstated"),
    }
    await world.must_be_exact()


async def test_a_reinstatement_whose_revocation_was_skipped_keeps_the_earlier_article(
    world: World,
) -> None:
    await world.publish(world.article(A))
    await world.order(world.reinstatement(A))
    assert (await world.total(), await world.held(A)) == (0, set())
    await world.must_be_exact()


async def test_an_undecodable_order_withholds_the_article_until_the_incident_is_closed(world: World) -> None:
    await world.publish(world.article(A, topics=topics("Only here")), world.article(B))
    first, second = await world.withhold(A, A)
    assert (await world.counted(), await world.held(A)) == ({"Markets": 1}, {A})
    await world.publish(world.article(A, 2, topics=topics("Also here")))
    assert await world.counted() == {"Markets": 1}
    await world.must_be_exact()
    await incidents.close_incident(world.service, first, "olga", "looked")
    assert await world.counted() == {"Markets": 1}
    assert await incidents.close_incident(world.service, second, "olga", "looked") is not None
    assert await world.counted() == {"Markets": 1, "Also here": 1}
    assert await incidents.close_incident(world.service, second, "olga", "again") is None
    await world.must_be_exact()
    alerts: list[AlertRaised] = await world.unsent(AlertRaised)
    assert {(one.name, one.labels["subject"]) for one in alerts} == {("UnreadableOrder", A)}


async def test_an_invalid_key_withholds_nothing_and_stops_nothing(world: World) -> None:
    await world.publish(world.article(A))
    await world.withhold("up:\ufffd", "no id", f"up:{'x' * 400}")
    assert await world.total() == 1
    alerts: list[AlertRaised] = await world.unsent(AlertRaised)
    assert [alert.labels["subject"] for alert in alerts] == ["none"] * 3


async def test_a_later_order_ends_the_withholding(world: World) -> None:
    await world.publish(world.article(A))
    (incident,) = await world.withhold(A)
    await world.order(world.revocation(A))
    assert (await world.held(A), await world.words()) == (set(), set())
    await world.order(world.reinstatement(A))
    await world.publish(world.article(A, 2, after_order=2))
    assert await world.total() == 1
    await incidents.close_incident(world.service, incident, "olga", "an article was published")
    assert await world.total() == 1
    await world.must_be_exact()


async def test_an_article_with_several_licences_counts_once_and_under_each(world: World) -> None:
    both = (Licence(name="Standard"), Licence(name="Premium"))
    await world.publish(world.article(A, licences=both), world.article(B))
    keys = await world.db.fetch("SELECT licences FROM filter_key ORDER BY licences")
    assert [row["licences"] for row in keys] == [["Premium", "Standard"], ["Standard"]]
    assert (await world.total(), await world.counted()) == (2, {"Markets": 2})


async def test_no_content_is_stored(world: World) -> None:
    await world.publish(world.article(A))
    await world.order(world.revocation(A))
    for table in ("facet", "value", "filter_key", "rollup", "outbox_priority", "quarantine", "incident"):
        sql = "SELECT coalesce(string_agg(t::text, ' '), '') FROM facet AS t".replace("facet", table)
        assert CANARY not in await world.db.fetchval(sql)


async def test_a_text_that_postgresql_rejects_is_quarantined_without_retries(world: World) -> None:
    with pytest.raises(Poison):
        await world.publish(world.article(A, topics=topics("a\0b")))
    await world.publish(world.article(B, topics=topics("x" * 30_000), source=Source(key="ß" * 500)))
    assert await world.total() == 1
    await world.must_be_exact()


async def test_a_value_deleted_by_another_worker_is_looked_up_again(world: World) -> None:
    other = replace(world.service, value_ids=ValueIds(world.db))
    await world.publish(world.article(A, topics=topics("Rare")))
    await on_orders(world.received([world.revocation(A)]), other)
    assert await world.words() == set()
    await world.publish(world.article(B, topics=topics("Rare")))
    assert await world.counted() == {"Rare": 1}
    await world.must_be_exact()


async def count_in(service: Service, tx: object, article: ArticlePublished) -> None:
    """Counts an article as the use case does, in a transaction that stays open."""
    facts = newest([article])
    numbers = await service.value_ids.numbers(tx, facts, await service.value_ids.filter_keys(facts))  # type: ignore[arg-type]
    delta = Delta()
    (row,) = await facets.save_accepted(tx, facts, [numbers.of(facts[0])])  # type: ignore[arg-type]
    if row.before:
        delta.subtract(row.before)
    delta.add(numbers.of(facts[0]))
    await rollups.apply(tx, delta, numbers.made)  # type: ignore[arg-type]


async def waits_for_a_lock(world: World) -> bool:
    return bool(
        await world.db.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    )


async def test_a_waiting_worker_subtracts_what_the_other_counted(world: World) -> None:
    days = [world.ago(days=number) for number in range(3)]
    first, second, third = (
        world.article(A, number + 1, published_at=day, topics=topics(f"t{number}"))
        for number, day in enumerate(days)
    )
    other = world.article(B, published_at=days[0], topics=topics("t0"))  # its value stays, so nobody retries
    await world.publish(first, other)
    async with world.db.transaction() as tx:
        await count_in(world.service, tx, second)
        waiting = asyncio.create_task(world.publish(third))
        await until(lambda: waits_for_a_lock(world), what="the other worker waits")
    await waiting
    assert await world.counted() == {"t0": 1, "t2": 1}
    await world.must_be_exact()


async def test_a_waiting_order_subtracts_what_a_worker_counted(world: World) -> None:
    await world.publish(world.article(A, topics=topics("t0")))
    async with world.db.transaction() as tx:
        await count_in(
            world.service, tx, world.article(A, 2, topics=topics("t1"), published_at=world.ago(days=9))
        )
        waiting = asyncio.create_task(world.order(world.revocation(A)))
        await until(lambda: waits_for_a_lock(world), what="the order waits")
    await waiting
    assert (await world.total(), await world.words()) == (0, set())
    await world.must_be_exact()


async def test_two_workers_that_count_the_same_values_in_another_order_do_not_deadlock(
    world: World,
) -> None:
    other = replace(world.service, value_ids=ValueIds(world.db))
    names = [f"t{number}" for number in range(30)]
    for turn in range(6):
        ours = [
            world.article(f"up:{turn}-{n}", topics=topics(*names), source=Source(key=f"s{n}"))
            for n in range(20)
        ]
        theirs = [
            world.article(f"up:{turn}~{n}", topics=topics(*names[::-1]), source=Source(key=f"s{20 - n}"))
            for n in range(20)
        ]
        orders = [world.revocation(f"up:{turn - 1}-{n}") for n in range(20)]
        await asyncio.gather(
            counting.on_articles(world.received(ours), world.service),
            counting.on_articles(world.received(theirs[::-1]), other),
            on_orders(world.received(orders), other),
        )
    assert await world.total() == 6 * 40 - 5 * 20
    await world.must_be_exact()


async def test_only_a_change_of_a_count_creates_a_new_cache_version(world: World) -> None:
    versions = [await rollups.cache_version(world.db)]
    article = world.article(A)

    async def changed() -> bool:
        versions.append(await rollups.cache_version(world.db))
        return versions[-1] not in versions[:-1]

    await world.publish(article)
    assert await changed()
    await world.publish(article)
    assert not await changed()
    await world.publish(world.article(A, 2))
    assert not await changed()
    await world.order(world.revocation(A))
    assert await changed()
    await world.order(world.revocation(A))
    assert not await changed()


async def test_days_are_in_utc(world: World) -> None:
    midnight = world.clock.now().replace(hour=0)
    await world.publish(
        world.article(A, published_at=midnight),
        world.article(B, published_at=midnight - timedelta(seconds=1)),
    )
    days = {row["day"] for row in await world.db.fetch("SELECT day FROM rollup")}
    assert days == {midnight.date(), midnight.date() - timedelta(days=1)}


async def test_the_offset_is_saved_in_the_transaction_of_the_counts(world: World) -> None:
    batch = world.received([world.article(A), world.article(B)])
    await counting.on_articles(batch, world.service)
    stored = await offsets.stored(world.db, "analytics")
    assert stored == {("articles.v1", 0): batch[-1].offset + 1}


async def test_an_existing_value_or_filter_key_uses_up_no_id(world: World) -> None:
    await world.publish(*(world.article(f"up:{n}") for n in range(3)))
    for _ in range(5):
        world.service.value_ids.forget()
        world.service.value_ids._filter_keys.clear()
        await world.publish(*(world.article(f"up:{n}", version=2 + n) for n in range(3)))
    for table in ("value", "filter_key"):
        rows = await world.db.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - two names of ours
        used = await world.db.fetchval(
            "SELECT last_value FROM pg_sequences WHERE sequencename = $1", f"{table}_id_seq"
        )
        assert used == rows, table


async def test_ids_of_values_may_exceed_four_bytes(world: World) -> None:
    await world.db.execute("ALTER TABLE value ALTER COLUMN id RESTART WITH 3000000000")
    await world.db.execute("ALTER TABLE filter_key ALTER COLUMN id RESTART WITH 3000000000")
    await world.publish(world.article("up:1"))
    assert await world.total() == 1
    await world.must_be_exact()
    await world.order(world.revocation("up:1"))
    assert await world.total() == 0
    assert await world.db.fetchval("SELECT count(*) FROM value") == 0
