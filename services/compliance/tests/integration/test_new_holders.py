"""A new holder has the full time for earlier orders, and its open orders are resent on request."""

from datetime import timedelta

import httpx
import pytest

from clawback_contracts.revocation.v1 import ArticleRevoked
from compliance.domain.obligation import ReceiptOutcome
from compliance.use_cases import holders, orders
from services.compliance.tests.integration.conftest import SEARCH, World, bearer

pytestmark = pytest.mark.integration
A, B = "metabase:1", "metabase:2"
NEW_HOLDER = SEARCH.model_validate(SEARCH.model_dump() | {"name": "archive", "group": "archive"})
DUE = "SELECT due_at FROM obligation WHERE holder = $1"


async def register(world: World) -> None:
    """Registers the new holder."""
    await holders.holder_registered(NEW_HOLDER, "operator", world.service)


async def test_a_new_holder_has_the_full_time_for_an_overdue_order(world: World) -> None:
    await world.revoke(A, revoked_at=world.ago(hours=30))
    await register(world)
    assert await world.db.fetchval(DUE, "search") < world.clock.now()
    assert await world.db.fetchval(DUE, "archive") == world.clock.now() + timedelta(hours=24)


async def test_an_earlier_clock_that_becomes_known_later_does_not_apply_to_a_new_holder(world: World) -> None:
    await world.revoke(A)
    world.clock.advance(hours=1)
    await register(world)
    due = await world.db.fetchval(DUE, "archive")
    await world.notices(world.notice(A, revoked_at=world.ago(hours=30)))
    assert await world.db.fetchval(DUE, "search") < world.clock.now()
    assert await world.db.fetchval(DUE, "archive") == due


async def test_a_new_holders_receipt_for_an_order_closed_before_is_not_alerted_as_stray(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.close(order)
    world.clock.advance(hours=9)
    await register(world)
    await world.receipts(world.receipt(order, "archive"), world.receipt(order, "unknown"))
    rows = await world.db.fetch("SELECT holder, meaning FROM receipt WHERE holder IN ('archive', 'unknown')")
    assert {tuple(row) for row in rows} == {
        ("archive", ReceiptOutcome.NOT_OBLIGED),
        ("unknown", ReceiptOutcome.NOT_OBLIGED),
    }
    assert await world.alerts() == ["StrayReceipt"]


async def test_unanswered_orders_of_a_holder_are_resent_at_an_operators_request(
    http: httpx.AsyncClient, world: World
) -> None:
    first, answered = await world.revoke(A, B)
    await world.close(answered)
    await world.mark_sent()
    world.clock.advance(seconds=10)
    assert await orders.resend_due(world.service) == 0
    path = "/compliance/holders/search/resend"
    assert (await http.post(path, headers=bearer("search"))).status_code == 403
    response = await http.post(path, headers=bearer("operator"))
    assert (response.status_code, response.json()) == (202, {"orders": 1})
    assert await orders.resend_due(world.service) == 1
    again = (await world.events(ArticleRevoked))[-1]
    assert (again.article_id, again.attempt) == (A, first.attempt + 1)
    changes = (await http.get("/compliance/holders/search")).json()["changes"]
    assert (changes[-1]["change"], changes[-1]["changed_by"]) == ("resent", "operator")
    assert (
        await http.post("/compliance/holders/nobody/resend", headers=bearer("operator"))
    ).status_code == 404
