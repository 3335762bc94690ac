"""Only the sender can query the status of its notice."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from clawback_common.errors import Poison
from clawback_common.http.api_keys import Caller
from clawback_common.messaging.quarantine import Bad, put
from clawback_contracts.revocation.v1 import RevocationNoticed
from compliance.use_cases import orders
from services.compliance.tests.integration.conftest import World, bearer
from services.compliance.tests.integration.test_api import _notice

pytestmark = pytest.mark.integration
A, B = "metabase:1", "metabase:2"
LICENSOR = Caller("licensor", frozenset({"licensor"}), frozenset({"metabase"}))
OTHER = Caller("other", frozenset({"licensor"}), frozenset({"metabase"}))


async def send(world: World, sender: Caller | None, *events: RevocationNoticed) -> None:
    """Delivers notices in one batch, signed by their sender."""
    batch = [one._replace(sender=sender) for one in world.received(events)]
    settings = world.service.settings.model_copy(update={"enable_auth": True})
    await orders.on_notices(batch, replace(world.service, settings=settings))


async def status(http: httpx.AsyncClient, notice_id: UUID | str, subject: str = "licensor") -> dict[str, Any]:
    """Returns the response to the sender."""
    response = await http.get(f"/notices/{notice_id}", headers=bearer(subject))
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def test_a_notice_that_was_never_received_is_unknown(http: httpx.AsyncClient) -> None:
    found = await status(http, uuid4())
    assert (found["state"], found["items"], found["errors"]) == ("unknown", [], [])


async def test_a_notice_is_stored_and_then_published_with_its_order(
    http: httpx.AsyncClient, world: World
) -> None:
    event = world.notice(A)
    await send(world, LICENSOR, event)
    found = await status(http, event.notice_id)
    (item,) = found["items"]
    assert (found["state"], item["state"], item["article_id"]) == ("stored", "stored", A)
    await world.mark_sent()
    found = await status(http, event.notice_id)
    (item,) = found["items"]
    assert (found["state"], item["state"]) == ("published", "published")
    order = await world.db.fetchrow("SELECT revocation_id, order_no FROM revocation")
    assert order is not None
    assert (item["revocation_id"], item["order"]) == (str(order["revocation_id"]), order["order_no"])
    assert item["closed_at"] is None


async def test_a_notice_above_the_limit_is_accepted_until_it_is_decided(
    http: httpx.AsyncClient, world: World
) -> None:
    events = [world.notice(f"metabase:{n}") for n in range(501)]
    await send(world, LICENSOR, *events)
    last = events[-1].notice_id
    found = await status(http, last)
    assert (found["state"], found["items"][0]["state"]) == ("accepted", "accepted")
    request_id = found["items"][0]["request_id"]
    response = await http.post(
        f"/compliance/notices/{request_id}/refuse", json={"note": "a mistake"}, headers=bearer("second")
    )
    assert response.status_code == 202
    found = await status(http, last)
    assert (found["state"], found["items"][0]["errors"][0]["code"]) == ("refused", "request_refused")


async def test_a_confirmed_notice_is_published(http: httpx.AsyncClient, world: World) -> None:
    response = await _notice(
        http, {"article_ids": [f"metabase:{n}" for n in range(5)], "reason": "manual"}, "licensor"
    )
    request_id = response.json()["request_id"]
    found = await status(http, request_id)
    assert (found["state"], len(found["items"])) == ("accepted", 5)
    await http.post(f"/compliance/notices/{request_id}/confirm", headers=bearer("second"))
    assert (await status(http, request_id))["state"] == "stored"
    await world.mark_sent()
    found = await status(http, request_id)
    assert {item["state"] for item in found["items"]} == {"published"}
    one = await status(http, found["items"][0]["notice_id"])
    assert (one["state"], len(one["items"])) == ("published", 1)


async def test_a_notice_of_an_unknown_sender_is_unknown_to_every_other_sender(
    http: httpx.AsyncClient, world: World
) -> None:
    event = world.notice(A)
    await send(world, None, event)
    assert (await status(http, event.notice_id))["state"] == "unknown"
    assert (await status(http, event.notice_id, "officer"))["state"] == "accepted"


async def test_the_signer_of_an_unreadable_record_sees_the_reason(
    http: httpx.AsyncClient, world: World
) -> None:
    bads = [
        Bad(
            Poison("value_invalid", "reason: enum"),
            source="compliance",
            topic=RevocationNoticed.TOPIC,
            offset=offset,
            event_id=f"e{offset}",
            subjects=(A,),
            sender=sender,
        )
        for offset, sender in enumerate(("licensor", "other"))
    ]
    async with world.db.transaction() as tx:
        await put(tx, world.service.outbox, bads, world.clock.now())
    found = await status(http, "e0")
    assert (found["state"], found["errors"]) == (
        "refused",
        [{"path": "", "code": "value_invalid", "message": "reason: enum"}],
    )
    assert (await status(http, "e1"))["state"] == "unknown"
    assert (await status(http, "e1", "officer"))["state"] == "refused"


async def test_a_notice_of_one_sender_is_unknown_to_another(http: httpx.AsyncClient, world: World) -> None:
    of_other, of_feed = world.notice(A), world.notice(B)
    await send(world, OTHER, of_other)
    await world.notices(of_feed)
    requested = (await _notice(http, {"article_id": "metabase:3", "reason": "manual"})).json()["request_id"]
    for one in (of_other.notice_id, of_feed.notice_id, requested):
        assert (await status(http, one))["state"] == "unknown"
        assert (await status(http, one, "officer"))["state"] == "stored"
        assert (await http.get(f"/notices/{one}")).status_code == 401
        assert (await http.get(f"/notices/{one}", headers=bearer("search"))).status_code == 403


async def test_the_status_of_an_id_lists_both_its_articles(http: httpx.AsyncClient, world: World) -> None:
    first = world.notice(A)
    await send(world, LICENSOR, first, world.notice(B, notice_id=first.notice_id))
    found = await status(http, first.notice_id)
    assert [item["article_id"] for item in found["items"]] == [A, B]


async def test_without_signatures_the_sender_is_the_one_named_in_the_notice(
    http: httpx.AsyncClient, world: World
) -> None:
    event = world.notice(A, noticed_by="licensor")
    await orders.on_notices(world.received([event]), world.service)
    assert (await status(http, event.notice_id))["state"] == "stored"
