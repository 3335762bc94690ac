"""A notice is identified by its id and its article: nobody can replace a notice by sending its id first."""

from uuid import uuid4

import pytest

from clawback_contracts.revocation.v1 import ArticleRevoked
from services.compliance.tests.integration.conftest import World

pytestmark = pytest.mark.integration
A, B = "metabase:1", "junk:1"


async def test_an_id_that_was_sent_before_for_another_article_suppresses_no_revocation(world: World) -> None:
    target = world.notice(A)
    await world.notices(world.notice(B, notice_id=target.notice_id, noticed_by="upstream:junk"))
    await world.notices(target)
    orders = {order.article_id: order for order in await world.unsent(ArticleRevoked)}
    assert orders[A].notice_ids == (target.notice_id,)
    assert await world.db.fetchval("SELECT state FROM article WHERE article_id = $1", A) == "revoked"


async def test_both_notices_of_one_id_keep_their_own_order(world: World) -> None:
    target = world.notice(A)
    other = world.notice(B, notice_id=target.notice_id)
    await world.notices(other, target)
    await world.notices(target)
    await world.notices(other)
    orders = await world.unsent(ArticleRevoked)
    assert [(order.article_id, order.attempt) for order in orders if order.attempt == 2] == [(A, 2), (B, 2)]
    rows = await world.db.fetch("SELECT article_id FROM notice WHERE notice_id = $1", target.notice_id)
    assert {row["article_id"] for row in rows} == {A, B}


@pytest.mark.parametrize("together", [True, False])
async def test_a_reused_id_is_an_incident_and_an_alert(world: World, together: bool) -> None:  # noqa: FBT001 - a parameter
    target = world.notice(A)
    other = world.notice(B, notice_id=target.notice_id)
    batches = [(other, target)] if together else [(other,), (target,)]
    for batch in batches:
        await world.notices(*batch)
    await world.notices(target)
    rows = await world.db.fetch("SELECT kind, subject FROM incident")
    assert [(row["kind"], row["subject"]) for row in rows] == [("notice_id_reused", A)]
    assert await world.alerts() == ["NoticeIdReused"]


async def test_each_poll_counts_the_notice_of_its_own_article(world: World) -> None:
    poll_id, target = uuid4(), world.notice(A)
    await world.notices(world.notice(B, notice_id=target.notice_id))
    await world.notices(target.model_copy(update={"poll_id": poll_id}))
    rows = await world.db.fetch("SELECT article_id FROM poll_notice WHERE poll_id = $1", poll_id)
    assert [row["article_id"] for row in rows] == [A]
