"""Notices are open until the order that cites them arrives; embargoes and licences end by time."""

from datetime import timedelta

import pytest

from clawback_contracts.revocation.v1 import ArticleRemoved, Reason, RevocationNoticed
from ingester.domain.article import deliveries
from ingester.domain.feed import RevokedEntry
from ingester.use_cases import notices, polling, storing
from services.ingester.tests.integration.world import Script, World, revoked_page

pytestmark = pytest.mark.integration

A, B = "up:a", "up:b"


async def noticed(world: World, script: Script, *ids: str) -> list[RevocationNoticed]:
    """The provider lists these; returns the notices in the outbox."""
    script.responses.append(revoked_page(*ids, cursor="c"))
    await polling.poll(script.feed(), world.service, "test")
    found: list[RevocationNoticed] = await world.unsent(RevocationNoticed)
    return found


async def test_a_notice_is_sent_at_once_and_again_after_1_5_and_15_minutes_then_hourly(
    world: World, script: Script
) -> None:
    (notice,) = await noticed(world, script, "1")
    await world.mark_sent()
    for minutes in (1, 5, 15, 60, 60, 60):
        world.clock.advance(minutes=minutes, seconds=-1)
        await notices.on_time(world.service)
        assert await world.unsent(RevocationNoticed) == []
        world.clock.advance(seconds=1)
        await notices.on_time(world.service)
        assert await world.unsent(RevocationNoticed) == [notice]
        await world.mark_sent()


async def test_only_the_order_that_cites_a_notice_closes_it(world: World, script: Script) -> None:
    first, second = await noticed(world, script, "1", "2")
    await world.mark_sent()
    await world.order(
        world.revocation(first.article_id, notice_ids=(first.notice_id,)),
        world.revocation(second.article_id),
        world.reinstatement(second.article_id),
    )
    await world.mark_sent()
    world.clock.advance(minutes=2)
    await notices.on_time(world.service)
    assert await world.unsent(RevocationNoticed) == [second]
    open_ones = await world.db.fetchval("SELECT count(*) FROM notice WHERE answered_at IS NULL")
    assert open_ones == 1


async def test_an_order_on_another_article_closes_no_notice_even_if_it_cites_one(
    world: World, script: Script
) -> None:
    (notice,) = await noticed(world, script, "1")
    await world.order(world.revocation("junk:1", notice_ids=(notice.notice_id,)))
    assert await world.db.fetchval("SELECT answered_at FROM notice") is None
    await world.order(world.revocation(notice.article_id, notice_ids=(notice.notice_id,)))
    assert await world.db.fetchval("SELECT answered_at FROM notice") is not None


async def test_an_order_that_only_withholds_the_article_closes_no_notice(
    world: World, script: Script
) -> None:
    (notice,) = await noticed(world, script, "1")
    await world.order(world.withholding(notice.article_id, notice_ids=(notice.notice_id,)))
    assert await world.db.fetchval("SELECT answered_at FROM notice") is None


async def test_a_late_delivery_of_an_old_order_also_closes_its_notice(world: World, script: Script) -> None:
    await world.order(world.revocation("metabase:1"))
    (notice,) = await noticed(world, script, "1")
    await world.order(world.revocation("metabase:1", attempt=2, notice_ids=(notice.notice_id,)))
    assert await world.db.fetchval("SELECT order_no FROM notice") == 1
    assert len(await world.unsent(ArticleRemoved)) == 2


async def test_the_same_entry_read_again_is_the_same_notice(world: World, script: Script) -> None:
    await noticed(world, script, "1", "1")
    assert len(await noticed(world, script, "1", "2")) == 2


async def test_an_entry_without_a_number_counts_as_new_after_a_reinstatement(world: World) -> None:
    poll_id = await world.db.fetchval("SELECT gen_random_uuid()")
    entry = [RevokedEntry(A, None, None)]

    async def new_notices() -> int:
        async with world.db.transaction() as tx:
            return await notices.on_revoked_entries(tx, world.service, "f", entry, poll_id, None)

    assert [await new_notices(), await new_notices()] == [1, 0]
    await world.order(world.revocation(A))
    assert await new_notices() == 0
    await world.order(world.reinstatement(A))
    assert [await new_notices(), await new_notices()] == [1, 0]


async def test_an_article_with_an_open_notice_is_not_published(world: World, script: Script) -> None:
    await storing.store(
        world.service,
        deliveries(
            [(world.article("metabase:1"), None), (world.article("metabase:2"), None)], world.clock.now()
        ),
        source="feed",
    )
    await noticed(world, script, "1")
    assert [one.article_id for one in await world.published()] == ["metabase:2"]


async def test_an_embargoed_article_is_neither_readable_nor_published_until_its_embargo_ends(
    world: World,
) -> None:
    until = world.clock.now() + timedelta(hours=2)
    await world.submit(world.article(A, embargoed_until=until), world.article(B))
    assert [one.article_id for one in await world.published()] == [B]
    assert await world.state(A) == "embargoed"
    world.clock.advance(hours=2, seconds=-1)
    await notices.on_time(world.service)
    assert (await world.state(A), await world.published()) == ("embargoed", [])
    world.clock.advance(seconds=1)
    await notices.on_time(world.service)
    assert [one.article_id for one in await world.published()] == [A]
    await notices.on_time(world.service)
    assert await world.published() == []


async def test_an_embargoed_article_that_is_revoked_is_never_published(world: World) -> None:
    await world.submit(world.article(A, embargoed_until=world.clock.now() + timedelta(hours=2)))
    await world.order(world.revocation(A))
    world.clock.advance(hours=3)
    await notices.on_time(world.service)
    assert (await world.state(A), await world.published(), await world.held(A)) == ("revoked", [], set())


async def test_the_end_of_a_licence_creates_one_notice(world: World) -> None:
    ends = world.clock.now() + timedelta(days=1)
    await world.submit(world.article(A, licence_ends_at=ends), world.article(B))
    await notices.on_time(world.service)
    assert await world.unsent(RevocationNoticed) == []
    world.clock.advance(days=1)
    for _ in range(3):
        await notices.on_time(world.service)
    (notice,) = await world.unsent(RevocationNoticed)
    assert (notice.article_id, notice.reason, notice.revoked_at) == (A, Reason.LICENCE_EXPIRED, ends)


async def test_an_article_that_arrives_after_the_end_of_its_licence_is_never_published(world: World) -> None:
    await world.submit(world.article(A, licence_ends_at=world.clock.now() - timedelta(days=1)))
    await notices.on_time(world.service)
    assert await world.published() == []
    assert [notice.article_id for notice in await world.unsent(RevocationNoticed)] == [A]


async def test_a_licence_that_ends_again_after_a_reinstatement_revokes_again(world: World) -> None:
    ends = world.clock.now() + timedelta(days=1)
    await world.submit(world.article(A, licence_ends_at=ends, source_order=1))
    world.clock.advance(days=1)
    await notices.on_time(world.service)
    (first,) = await world.unsent(RevocationNoticed)
    await world.order(world.revocation(A, 1, notice_ids=(first.notice_id,)))
    await world.order(world.reinstatement(A, 2))
    await world.mark_sent()
    await world.submit(world.article(A, licence_ends_at=ends, source_order=2))
    await notices.on_time(world.service)
    (second,) = await world.unsent(RevocationNoticed)
    assert (second.article_id, second.revoked_at) == (A, ends)
    assert second.notice_id != first.notice_id


async def test_a_prolonged_licence_creates_no_notice_at_its_former_end(world: World) -> None:
    now = world.clock.now()
    await world.submit(world.article(A, licence_ends_at=now + timedelta(days=1), source_order=1))
    await world.submit(world.article(A, licence_ends_at=now + timedelta(days=9), source_order=2))
    world.clock.advance(days=2)
    await notices.on_time(world.service)
    assert await world.unsent(RevocationNoticed) == []


async def test_an_article_stored_under_an_open_notice_is_published_when_an_ended_order_closes_it(
    world: World, script: Script
) -> None:
    (notice,) = await noticed(world, script, "1")
    article_id = notice.article_id
    revoked = world.revocation(article_id, 5)
    await world.order(revoked, world.reinstatement(article_id, 6))
    stored = deliveries([(world.article(article_id), None)], world.clock.now())
    await storing.store(world.service, stored, source="feed")
    assert await world.published() == []
    await world.order(revoked.model_copy(update={"attempt": 2, "notice_ids": (notice.notice_id,)}))
    assert [one.article_id for one in await world.published()] == [article_id]
