"""Open obligations are listed before they are late."""

import httpx
import pytest

from clawback_common.http.paging import LIMIT_MAX
from clawback_contracts.holder.v1 import Holding
from services.compliance.tests.integration.conftest import World

pytestmark = pytest.mark.integration
A, B, C = "metabase:1", "metabase:2", "metabase:3"


async def test_open_obligations_of_a_holder_are_listed_before_they_are_late_most_urgent_first(
    http: httpx.AsyncClient, world: World
) -> None:
    (later,) = await world.revoke(A)
    (sooner,) = await world.revoke(B, revoked_at=world.ago(hours=2))
    first = (await http.get("/compliance/holders/search/obligations?limit=1")).json()
    (item,) = first["items"]
    assert (item["article_id"], item["order"], item["order_kind"]) == (B, sooner.order, "revoked")
    assert (item["seconds_left"], item["attempts"], item["last_answer"]) == (22 * 3600, 1, None)
    following = (
        await http.get(f"/compliance/holders/search/obligations?cursor={first['next_cursor']}")
    ).json()
    assert [one["revocation_id"] for one in following["items"]] == [str(later.revocation_id)]
    assert following["next_cursor"] is None
    world.clock.advance(hours=23)
    (item, _) = (await http.get("/compliance/holders/search/obligations")).json()["items"]
    assert item["seconds_left"] == -3600


async def test_closed_obligations_are_not_listed_and_open_ones_show_the_last_answer(
    http: httpx.AsyncClient, world: World
) -> None:
    closed, held = await world.revoke(A, C)
    await world.close(closed)
    await world.receipts(world.receipt(held, "ingester"))
    await world.checked("ingester", {C: Holding.HELD})
    (item,) = (await http.get("/compliance/holders/ingester/obligations")).json()["items"]
    assert (item["article_id"], item["reopened"], item["state"]) == (C, 1, "open")
    assert item["last_answer"]["attempt"] == 1


async def test_holders_are_listed_with_the_number_of_their_open_obligations(
    http: httpx.AsyncClient, world: World
) -> None:
    await world.revoke(A, revoked_at=world.ago(hours=25))
    await world.revoke(B)
    listed = {
        one["name"]: one["obligations"] for one in (await http.get("/compliance/holders")).json()["items"]
    }
    assert (listed["search"]["open"], listed["search"]["overdue"]) == (2, 1)
    assert listed["search"]["oldest_at"] is not None
    assert listed["search"]["next_due_at"] is not None


async def test_an_unregistered_holder_and_an_invalid_cursor_are_rejected(http: httpx.AsyncClient) -> None:
    assert (await http.get("/compliance/holders/nobody/obligations")).status_code == 404
    assert (await http.get("/compliance/holders/search/obligations?cursor=x")).status_code == 422


async def test_a_takedown_with_more_receipts_than_a_page_has_a_cursor_for_the_rest(
    http: httpx.AsyncClient, world: World
) -> None:
    (order,) = await world.revoke(A)
    attempts = [order.model_copy(update={"attempt": number}) for number in range(1, LIMIT_MAX + 3)]
    await world.receipts(*(world.receipt(one, "search") for one in attempts))
    takedown = (await http.get(f"/compliance/takedowns/{A}")).json()
    assert (len(takedown["receipts"]), takedown["notices_next_cursor"]) == (LIMIT_MAX, None)
    path = f"/compliance/takedowns/{A}/receipts?cursor={takedown['receipts_next_cursor']}"
    rest = (await http.get(path)).json()
    assert (len(rest["items"]), rest["next_cursor"]) == (2, None)
    shown = {one["receipt_id"] for one in takedown["receipts"] + rest["items"]}
    assert len(shown) == LIMIT_MAX + 2
    one = (await http.get(f"/compliance/revocations/{order.revocation_id}")).json()
    assert (len(one["receipts"]), one["receipts_truncated"], one["notices_truncated"]) == (
        LIMIT_MAX,
        True,
        False,
    )


async def test_notices_of_a_takedown_are_paged(http: httpx.AsyncClient, world: World) -> None:
    for _ in range(3):
        await world.notices(world.notice(A))
    path = f"/compliance/takedowns/{A}/notices"
    first = (await http.get(f"{path}?limit=2")).json()
    second = (await http.get(f"{path}?limit=2&cursor={first['next_cursor']}")).json()
    assert len({one["notice_id"] for one in first["items"] + second["items"]}) == 3
    assert second["next_cursor"] is None


async def test_a_history_longer_than_a_page_is_paged(http: httpx.AsyncClient, world: World) -> None:
    for article_id in (A, B, C):
        await world.revoke(article_id)
        world.clock.advance(hours=24)
    since = world.ago(hours=100).isoformat().replace("+", "%2B")
    path = f"/admin/compliance/history?limit=2&from={since}"
    first = (await http.get(path)).json()
    second = (await http.get(f"{path}&cursor={first['next_cursor']}")).json()
    assert [len(first["items"]), len(second["items"]), second["next_cursor"]] == [2, 1, None]
