"""The API, as used by people and systems."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from clawback_common.errors import Poison
from clawback_common.messaging.outbox.orders import OrdersOutbox
from clawback_common.messaging.quarantine import Bad, put
from clawback_contracts.revocation.feed import order_listed
from clawback_contracts.revocation.v1 import ArticleReinstated, ArticleRevoked
from compliance.storage import runs
from compliance.use_cases import incidents
from compliance.use_cases.daily_run import Check
from compliance.use_cases.runs import check_failed, check_started
from services.compliance.tests.integration.conftest import World, bearer

pytestmark = pytest.mark.integration
A, B = "metabase:1", "metabase:2"


async def _notice(
    http: httpx.AsyncClient, body: Any, subject: str = "officer", **headers: str
) -> httpx.Response:
    return await http.post("/compliance/notices", json=body, headers=bearer(subject, **headers))


async def test_a_status_that_was_never_checked_is_unknown(http: httpx.AsyncClient) -> None:
    body = (await http.get("/compliance/status")).json()
    assert (body["status"], body["runs"]["state"], body["mock"]) == ("unknown", "unknown", True)


async def test_after_a_run_it_is_compliant_and_with_something_late_it_is_not(
    http: httpx.AsyncClient, world: World, check: Check
) -> None:
    await check.asked("schedule", "test")
    assert (await http.get("/compliance/status")).json()["status"] == "compliant"
    await world.revoke(A)
    world.clock.advance(hours=24)
    body = (await http.get("/compliance/status")).json()
    assert (body["status"], body["overdue"], body["orders"]["open"]) == ("non_compliant", 2, 1)
    items = (await http.get("/compliance/overdue?limit=1")).json()
    assert (items["items"][0]["holder"], items["items"][0]["late_s"]) == ("ingester", 0)
    following = (await http.get(f"/compliance/overdue?cursor={items['next_cursor']}")).json()
    assert [item["holder"] for item in following["items"]] == ["search"]
    assert (await http.get("/compliance/overdue?holder=nobody")).json()["items"] == []


async def test_status_is_failing_while_runs_fail_and_compliant_when_one_completes(
    http: httpx.AsyncClient, world: World, check: Check
) -> None:
    await check.asked("schedule", "test")
    world.clock.advance(minutes=1)
    for _ in range(2):
        run_id = uuid4()
        await runs.request(world.db, run_id, "schedule", "test", world.clock.now(), mock=True)
        await check_started(run_id, world.service)
        world.clock.advance(minutes=1)
        await check_failed(run_id, "the provider does not answer", world.service)
    body = (await http.get("/compliance/status")).json()
    assert (body["status"], body["runs"]["failed_in_a_row"]) == ("failing", 2)
    assert [(one["code"], one["figure"]) for one in body["reasons"]] == [("runs_failing", 2)]
    world.clock.advance(minutes=1)
    await check.asked("schedule", "test")
    body = (await http.get("/compliance/status")).json()
    assert (body["status"], body["reasons"]) == ("compliant", [])


async def test_an_officer_revokes_one_article_and_gets_the_revocations_id(
    http: httpx.AsyncClient, world: World
) -> None:
    answer = await _notice(http, {"article_id": A, "reason": "manual", "note": "a call"})
    assert answer.status_code == 202
    (order,) = await world.unsent(ArticleRevoked)
    assert answer.json()["revocation_id"] == str(order.revocation_id)
    assert order.reason == "manual"


async def test_a_reason_that_has_a_deadline_of_its_own_is_taken_and_an_unknown_one_is_refused(
    http: httpx.AsyncClient, world: World
) -> None:
    refused = await _notice(http, {"article_id": A, "reason": "court_order"})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "reason")
    assert "TAKEDOWN_DEADLINES_H" in refused.json()["errors"][0]["message"]
    world.service.settings.takedown_deadlines_h["court_order"] = 6
    assert (await _notice(http, {"article_id": A, "reason": "court_order"})).status_code == 202
    (order,) = await world.unsent(ArticleRevoked)
    assert (order.reason, order.due_at) == ("court_order", world.clock.now() + timedelta(hours=6))


async def test_a_sender_on_the_topic_may_give_a_reason_that_nobody_knows(world: World) -> None:
    (order,) = await world.revoke(A, reason="a_new_law")
    assert (order.reason, order.due_at) == ("a_new_law", world.clock.now() + timedelta(hours=24))


async def test_the_same_idempotency_key_is_the_same_notice(http: httpx.AsyncClient, world: World) -> None:
    body = {"article_id": A, "reason": "manual"}
    first = await _notice(http, body, **{"Idempotency-Key": "one"})
    again = await _notice(http, body, **{"Idempotency-Key": "one"})
    assert first.json() == again.json()
    assert await world.db.fetchval("SELECT count(*) FROM notice") == 1


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"article_id": "no id", "reason": "manual"}, "article_id"),
        ({"article_id": A, "reason": "because"}, "reason"),
        ({"article_id": A, "reason": "manual", "revoked_at": "2026-01-01T00:00:00"}, "revoked_at"),
        ({"reason": "manual"}, ""),
        ({"article_id": A, "article_ids": [B], "reason": "manual"}, ""),
        ({"article_ids": [A, "bad"], "reason": "manual"}, "article_ids[1]"),
    ],
)
async def test_a_bad_notice_is_refused_with_the_fields_path(
    http: httpx.AsyncClient, body: dict[str, Any], path: str
) -> None:
    answer = await _notice(http, body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == path


async def test_an_act_needs_a_key_with_the_role(http: httpx.AsyncClient) -> None:
    body = {"article_id": A, "reason": "manual"}
    assert (await http.post("/compliance/notices", json=body)).status_code == 401
    assert (await _notice(http, body, "search")).status_code == 403
    assert (await _notice(http, body, "licensor")).status_code == 202


async def test_a_preview_counts_and_does_nothing(http: httpx.AsyncClient, world: World) -> None:
    await world.revoke(A)
    answer = await http.post(
        "/compliance/notices?preview=true",
        json={"article_ids": [A, B, B], "reason": "manual"},
        headers=bearer("officer"),
    )
    assert answer.status_code == 200
    assert answer.json() == {
        "preview": True,
        "articles": 2,
        "already_revoked": 1,
        "new_orders": 1,
        "needs_confirmation": False,
    }
    assert await world.db.fetchval("SELECT count(*) FROM revocation") == 1


async def test_many_articles_are_withheld_until_a_second_person_confirms(
    http: httpx.AsyncClient, world: World
) -> None:
    ids = [f"metabase:{n}" for n in range(5)]
    body = {"article_ids": ids, "reason": "erasure_request", "note": "a letter"}
    waiting = (await _notice(http, body)).json()
    assert (waiting["state"], waiting["withheld"]) == ("waits_for_confirmation", 5)
    assert await world.unsent(ArticleRevoked) == []
    (listed,) = (await http.get("/compliance/notices/requests")).json()["items"]
    assert (listed["made_by"], listed["articles"], listed["state"]) == (
        "officer",
        5,
        "waits_for_confirmation",
    )
    seen = (await http.get(f"/compliance/notices/requests/{waiting['request_id']}")).json()
    assert (seen["article_ids"], seen["reason"], seen["note"]) == (ids, "erasure_request", "a letter")
    assert (seen["revoked_now"], seen["withheld_now"]) == (0, 5)
    path = waiting["confirm"].removeprefix("/api/v1")
    assert (await http.post(path, headers=bearer("officer"))).status_code == 403
    assert (await http.post(path, headers=bearer("operator"))).status_code == 403
    assert (await http.post(f"{path}?articles=4", headers=bearer("second"))).status_code == 409
    confirmed = await http.post(path, json={"note": "seen"}, headers=bearer("second"))
    assert (confirmed.status_code, confirmed.json()["state"]) == (202, "ordered")
    orders = {order.article_id: str(order.revocation_id) for order in await world.unsent(ArticleRevoked)}
    assert confirmed.json()["revocations"] == orders
    assert (await http.post(path, headers=bearer("second"))).json() == confirmed.json()
    refuse = path.replace("confirm", "refuse")
    assert (await http.post(refuse, json={"note": "no!"}, headers=bearer("second"))).status_code == 409
    assert (await http.get("/compliance/notices/requests")).json()["items"] == []
    done = (await http.get("/compliance/notices/requests?finished=true")).json()["items"]
    assert [(one["confirmed_by"], one["decision_note"]) for one in done] == [("second", "seen")]
    unknown = f"/compliance/notices/{uuid4()}"
    assert (await http.post(f"{unknown}/confirm", headers=bearer("second"))).status_code == 404
    assert (await http.get(f"/compliance/notices/requests/{uuid4()}")).status_code == 404


async def test_a_refused_request_gives_back_what_it_withheld(http: httpx.AsyncClient, world: World) -> None:
    ids = [f"metabase:{n}" for n in range(5)]
    waiting = (await _notice(http, {"article_ids": ids, "reason": "manual"})).json()
    path = waiting["refuse"].removeprefix("/api/v1")
    assert (await http.post(path, json={"note": "no!"}, headers=bearer("officer"))).status_code == 403
    assert (await http.post(path, headers=bearer("second"))).status_code == 422
    refused = await http.post(path, json={"note": "no!"}, headers=bearer("second"))
    assert refused.json()["state"] == "refused"
    assert {one.article_id for one in await world.unsent(ArticleReinstated)} == set(ids)


async def test_requests_below_the_limit_add_up(http: httpx.AsyncClient) -> None:
    for n in range(3):
        made = await _notice(http, {"article_id": f"metabase:{n}", "reason": "manual"})
        assert made.json()["state"] == "ordered"
    assert (await _notice(http, {"article_id": A, "reason": "manual"})).json()["state"] == "ordered"
    more = {"article_id": "metabase:9", "reason": "manual"}
    assert (await _notice(http, more)).json()["state"] == "waits_for_confirmation"
    assert (await _notice(http, more, "licensor")).json()["state"] == "ordered"


async def test_a_key_has_only_its_own_providers_articles_revoked(
    http: httpx.AsyncClient, world: World
) -> None:
    body = {"article_ids": [A, "partner:1", "other:1"], "reason": "licensor"}
    refused = await _notice(http, body, "licensor")
    assert refused.status_code == 403
    assert [one["path"] for one in refused.json()["errors"]] == ["partner:1", "other:1"]
    assert await world.db.fetchval("SELECT count(*) FROM notice") == 0
    assert (await _notice(http, body)).status_code == 202


@pytest.mark.parametrize("count", [1, 5])
async def test_an_idempotency_key_with_another_body_answers_409(
    http: httpx.AsyncClient, world: World, count: int
) -> None:
    def body(start: int) -> dict[str, Any]:
        return {"article_ids": [f"metabase:{n}" for n in range(start, start + count)], "reason": "manual"}

    first = await _notice(http, body(0), **{"Idempotency-Key": "one"})
    assert first.status_code == 202
    assert (await _notice(http, body(1), **{"Idempotency-Key": "one"})).status_code == 409
    assert (await _notice(http, body(0), **{"Idempotency-Key": "one"})).json() == first.json()
    assert await world.db.fetchval("SELECT count(*) FROM notice_request") == 1


async def test_many_are_reinstated_by_two_people(http: httpx.AsyncClient, world: World) -> None:
    await world.revoke(A, B)
    body = {"article_ids": [A, B], "note": "by mistake"}
    assert (
        await http.post("/compliance/reinstatements", json=body, headers=bearer("second"))
    ).status_code == 403
    asked = await http.post("/compliance/reinstatements", json=body, headers=bearer("officer"))
    assert (asked.status_code, asked.json()["state"]) == (202, "waits_for_confirmation")
    assert await world.unsent(ArticleReinstated) == []
    path = asked.json()["confirm"].removeprefix("/api/v1")
    assert (await http.post(path, headers=bearer("officer"))).status_code == 403
    assert (await http.post(path, headers=bearer("second"))).json()["state"] == "ordered"
    assert len(await world.unsent(ArticleReinstated)) == 2


async def test_notices_come_as_csv_too(http: httpx.AsyncClient, world: World) -> None:
    async def send(body: bytes) -> httpx.Response:
        return await http.post(
            "/compliance/notices?reason=licence_expired",
            content=body,
            headers=bearer("officer", **{"Content-Type": "text/csv; charset=utf-8"}),
        )

    answer = await send("\ufeffsource,article_id\r\nx,metabase:1\r\ny,metabase:2\r\n".encode())
    assert answer.status_code == 202
    assert {order.article_id for order in await world.unsent(ArticleRevoked)} == {A, B}
    wrong = await send(b"article_id\nmetabase:3\nnonsense\n")
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (422, "line 3")
    assert (await send(b"id\nmetabase:1\n")).status_code == 422
    assert (await send(b"article_id\n\xff\xfe\n")).status_code == 422
    assert (await send(b"article_id\n")).status_code == 422


async def test_a_revocation_is_reinstated_by_an_officer_only(http: httpx.AsyncClient, world: World) -> None:
    (order,) = await world.revoke(A)
    path, body = f"/compliance/revocations/{order.revocation_id}/reinstate", {"note": "by mistake"}
    assert (await http.post(path, json=body, headers=bearer("licensor"))).status_code == 403
    assert (await http.post(path, json=body, headers=bearer("officer"))).status_code == 202
    assert (await http.post(path, json=body, headers=bearer("officer"))).status_code == 409
    assert len(await world.unsent(ArticleReinstated)) == 1


async def test_a_takedown_has_the_complete_history(http: httpx.AsyncClient, world: World) -> None:
    (order,) = await world.revoke(A)
    await world.close(order)
    body = (await http.get(f"/compliance/takedowns/{A}")).json()
    assert (body["state"], body["order"], len(body["notices"]), len(body["receipts"])) == (
        "revoked",
        order.order,
        1,
        2,
    )
    assert {one["holder"]: one["state"] for one in body["obligations"]}["ingester"] == "verified"
    assert (await http.get("/compliance/takedowns/metabase:9")).status_code == 404
    one = (await http.get(f"/compliance/revocations/{order.revocation_id}")).json()
    assert (one["is_open"], one["order"], len(one["obligations"])) == (False, order.order, 3)
    assert (await http.get(f"/compliance/revocations/{uuid4()}")).status_code == 404


async def test_orders_are_listed_the_newest_first_and_filtered(http: httpx.AsyncClient, world: World) -> None:
    orders = await world.revoke(*(f"metabase:{n}" for n in range(5)))
    await world.close(orders[0])
    page = (await http.get("/compliance/revocations?limit=2")).json()
    assert [item["article_id"] for item in page["items"]] == ["metabase:4", "metabase:3"]
    rest = (await http.get(f"/compliance/revocations?cursor={page['next_cursor']}")).json()
    assert (len(rest["items"]), rest["next_cursor"]) == (3, None)
    assert len((await http.get("/compliance/revocations?open=false")).json()["items"]) == 1
    assert (await http.get("/compliance/revocations?kind=reinstated")).json()["items"] == []
    assert (await http.get("/compliance/revocations?cursor=nonsense")).status_code == 422


async def test_a_consumer_that_was_away_reads_every_order_from_the_feed(
    http: httpx.AsyncClient, world: World
) -> None:
    orders = await world.revoke(*(f"metabase:{n}" for n in range(5)))
    seen, after = [], ""
    while True:
        page = (await http.get(f"/compliance/revocations?after={after}&limit=2")).json()
        seen += [order_listed(item) for item in page["items"]]
        after = page["next_cursor"]
        if page["caught_up"]:
            break
    assert seen == [order.model_copy(update={"notice_ids": ()}) for order in orders]
    world.clock.advance(seconds=2)
    await world.revoke("metabase:new")
    page = (await http.get(f"/compliance/revocations?after={after}")).json()
    assert [item["article_id"] for item in page["items"]] == ["metabase:new"]


async def test_holders_register_change_and_leave(http: httpx.AsyncClient, world: World) -> None:
    body = {"name": "rag", "group": "rag", "purpose": "answers", "copy_kinds": ["vectors"]}
    assert (await http.post("/compliance/holders", json=body)).status_code == 401
    made = await http.post("/compliance/holders", json=body, headers=bearer("operator"))
    assert (made.status_code, made.json()["group"], made.json()["kind"]) == (201, "rag", "consumer")
    assert (await http.post("/compliance/holders", json=body, headers=bearer("operator"))).status_code == 201
    other = body | {"purpose": "something else"}
    assert (await http.post("/compliance/holders", json=other, headers=bearer("operator"))).status_code == 409
    change = {"copy_kinds": ["vectors", "cache"]}
    changed = await http.patch("/compliance/holders/rag", json=change, headers=bearer("operator"))
    assert changed.json()["copy_kinds"] == ["vectors", "cache"]
    bad = await http.patch("/compliance/holders/rag", json={"copy_kinds": []}, headers=bearer("operator"))
    assert bad.status_code == 422
    await world.revoke(A)
    assert (await http.delete("/compliance/holders/rag", headers=bearer("operator"))).status_code == 409
    asked = await http.delete("/compliance/holders/rag?force=true", headers=bearer("operator"))
    assert (asked.status_code, asked.json()["state"]) == (202, "waits_for_confirmation")
    path = asked.json()["confirm"].removeprefix("/api/v1")
    assert (await http.post(path, headers=bearer("operator"))).status_code == 403
    assert (await http.post(path, headers=bearer("second"))).json()["state"] == "ordered"
    assert (await http.delete("/compliance/holders/rag", headers=bearer("operator"))).status_code == 404
    one = (await http.get("/compliance/holders/rag")).json()
    assert ([change["change"] for change in one["changes"]], one["unclosed"]) == (
        ["registered", "changed", "left"],
        1,
    )
    names = [item["name"] for item in (await http.get("/compliance/holders?limit=2")).json()["items"]]
    assert names == ["ingester", "kafka"]
    assert (await http.get("/compliance/holders/nobody")).status_code == 404


async def test_an_expiry_holder_must_state_its_hours(http: httpx.AsyncClient) -> None:
    body: dict[str, Any] = {"name": "backups", "kind": "expiry", "purpose": "backups", "copy_kinds": ["dump"]}
    answer = await http.post("/compliance/holders", json=body, headers=bearer("operator"))
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "forgets_after_h")
    body = body | {"forgets_after_h": 720}
    assert (await http.post("/compliance/holders", json=body, headers=bearer("operator"))).status_code == 201


async def test_nobody_takes_our_own_copies_out_of_takedowns_over_http(
    http: httpx.AsyncClient, world: World
) -> None:
    backups = {
        "name": "backups",
        "kind": "expiry",
        "purpose": "p",
        "copy_kinds": ["d"],
        "forgets_after_h": 720,
    }
    await http.post("/compliance/holders", json=backups, headers=bearer("operator"))
    for name in ("ingester", "kafka", "backups"):
        for change in ({"forgets_after_h": 1e-9}, {"kind": "consumer"}, {"copy_kinds": ["x"]}):
            refused = await http.patch(f"/compliance/holders/{name}", json=change, headers=bearer("operator"))
            assert (refused.status_code, "over HTTP" in refused.json()["detail"]) == (409, True)
        for force in ("true", "false"):
            path = f"/compliance/holders/{name}?force={force}"
            assert (await http.delete(path, headers=bearer("officer"))).status_code == 409
    own = {"name": "analytics", "purpose": "p", "copy_kinds": ["x"]}
    assert (await http.post("/compliance/holders", json=own, headers=bearer("operator"))).status_code == 409
    await world.revoke(A)
    assert set(await world.states(A)) == {(1, "ingester"), (1, "search"), (1, "kafka"), (1, "backups")}


async def test_the_kind_of_a_holder_is_fixed_and_every_change_is_an_alert(
    http: httpx.AsyncClient, world: World
) -> None:
    kind = {"kind": "expiry", "forgets_after_h": 1}
    refused = await http.patch("/compliance/holders/search", json=kind, headers=bearer("operator"))
    assert refused.status_code == 409
    assert await world.alerts() == []
    for purpose in ("one", "two"):
        await http.patch("/compliance/holders/search", json={"purpose": purpose}, headers=bearer("operator"))
    await http.delete("/compliance/holders/search", headers=bearer("operator"))
    assert await world.alerts() == ["HolderChanged"] * 3


async def test_two_active_holders_never_share_a_group(http: httpx.AsyncClient) -> None:
    body = {"name": "other", "group": "search", "purpose": "answers", "copy_kinds": ["vectors"]}
    assert (await http.post("/compliance/holders", json=body, headers=bearer("operator"))).status_code == 409


async def test_a_holder_answers_by_http_for_itself_alone(http: httpx.AsyncClient, world: World) -> None:
    (order,) = await world.revoke(A)
    receipt = world.receipt(order, "search").model_dump(mode="json")
    other = world.receipt(order, "ingester").model_dump(mode="json")
    assert (await http.post("/compliance/receipts", json=other, headers=bearer("search"))).status_code == 403
    answer = await http.post("/compliance/receipts", json={"items": [receipt]}, headers=bearer("search"))
    assert answer.json()["items"][0]["meaning"] == "closed"
    assert (await http.post("/compliance/receipts", json=other, headers=bearer("officer"))).status_code == 403
    assert (await world.states(A))[1, "ingester"] == "open"
    bodies: tuple[object, ...] = ([receipt], {"items": []}, {"items": [receipt], "more": 1}, "text")
    for body in bodies:
        refused = await http.post("/compliance/receipts", json=body, headers=bearer("search"))
        assert refused.status_code == 422
    wrong = {"items": [receipt, receipt | {"order": 0}]}
    refused = await http.post("/compliance/receipts", json=wrong, headers=bearer("search"))
    assert refused.json()["errors"][0]["path"] == "items[1].order"


async def test_a_run_is_asked_for_and_can_be_followed(http: httpx.AsyncClient, check: Check) -> None:
    asked = await http.post("/compliance/runs", headers=bearer("operator"))
    assert (asked.status_code, asked.json()["state"]) == (202, "requested")
    path = asked.headers["Location"].removeprefix("/api/v1")
    await check.requested()
    assert (await http.get(path)).json()["state"] == "completed"
    assert len((await http.get("/compliance/runs")).json()["items"]) == 1
    assert (await http.get(f"/compliance/runs/{uuid4()}")).status_code == 404
    jobs = (await http.get("/compliance/jobs")).json()["items"]
    assert [(job["job"], job["outcome"], job["cause"]) for job in jobs] == [("run", "done", "request")]


async def test_incidents_are_listed_and_closed_by_an_officer(http: httpx.AsyncClient, world: World) -> None:
    bad = Bad(Poison("value_invalid"), source="compliance", topic="revocation-notices.v1", subjects=(A,))
    async with world.db.transaction() as tx:
        await incidents.on_unreadable(tx, [bad], world.service)
    (item,) = (await http.get("/compliance/incidents")).json()["items"]
    path = f"/compliance/incidents/{item['id']}/close"
    assert (await http.post(path, json={"note": "found out"}, headers=bearer("operator"))).status_code == 403
    assert (await http.post(path, json={"note": "found out"}, headers=bearer("officer"))).status_code == 200
    assert (await http.post(path, json={"note": "found out"}, headers=bearer("officer"))).status_code == 404
    assert (await http.get("/compliance/incidents")).json()["items"] == []
    assert len((await http.get("/compliance/incidents?closed=true")).json()["items"]) == 1


async def test_a_dead_letter_is_tried_again_through_the_same_handler(
    http: httpx.AsyncClient, world: World
) -> None:
    notice = world.notice(A)
    bad = Bad(
        Poison("database_refused_value"),
        source="compliance",
        topic="revocation-notices.v1",
        offset=7,
        key=A.encode(),
        value=notice.model_dump_json().encode(),
        headers={"ce_id": str(notice.notice_id), "ce_type": notice.TYPE},
    )
    async with world.db.transaction() as tx:
        await put(tx, OrdersOutbox(), [bad], world.clock.now())
    assert len((await http.get("/compliance/dlq", headers=bearer("operator"))).json()["items"]) == 1
    world.clock.advance(seconds=1)
    answer = await http.post("/compliance/dlq/retry", json={"older_than_s": 0}, headers=bearer("operator"))
    assert answer.json() == {"retried": 1, "failed": 0}
    assert [order.article_id for order in await world.unsent(ArticleRevoked)] == [A]
    assert await world.db.fetchval("SELECT count(*) FROM consumer_offset") == 0


async def test_the_history_counts_orders_a_day(http: httpx.AsyncClient, world: World) -> None:
    await world.revoke(A)
    world.clock.advance(days=1)
    (order,) = await world.revoke(B)
    await world.close(order)
    items = (await http.get("/admin/compliance/history")).json()["items"]
    assert [(item["revoked"], item["closed"], item["late"]) for item in items] == [(1, 1, 0), (1, 0, 0)]
    ranged = (
        await http.get("/admin/compliance/history?from=2026-03-02T00:00:00&to=2026-03-03T00:00:00Z")
    ).json()
    assert len(ranged["items"]) == 1


async def test_health_reports_the_last_heartbeat_of_the_worker(http: httpx.AsyncClient) -> None:
    body = (await http.get("/compliance/health/detailed")).json()
    assert body["worker_seen_at"] is None
    assert body["mock"] is True
