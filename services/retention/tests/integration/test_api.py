"""The endpoints of the API."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
import yaml

from clawback_common.http.paging import Keyset
from clawback_common.http.probes import Probes
from clawback_common.service.api import application
from retention.service import SERVICE
from retention.use_cases.watching import beat
from services.retention.tests.integration.conftest import World

pytestmark = pytest.mark.integration
SUBJECTS = {
    "officer": ["officer"],
    "both": ["officer", "approver"],
    "second": ["approver"],
    "operator": ["operator"],
    "holder": ["holder"],
}
HOLD = {"data_class": "articles", "article_ids": ["metabase:1"], "reason": "a lawsuit"}
HOLDS = "/retention/holds"

WRONG: list[tuple[str, Any, str]] = [
    ("/retention/sweeps", {"data_class": "people"}, "data_class"),
    ("/retention/sweeps", {"dry": True}, "dry"),
    ("/admin/database/vacuum", {"classes": ["articles", "people"]}, "classes[1]"),
    ("/admin/database/vacuum", {"classes": []}, "classes"),
    ("/admin/database/vacuum", {"action": "delete"}, "action"),
    (HOLDS, HOLD | {"data_class": "people"}, "data_class"),
    (HOLDS, HOLD | {"data_class": "alerts"}, "article_ids"),
    (HOLDS, HOLD | {"article_ids": ["metabase:1", "no id"]}, "article_ids[1]"),
    (HOLDS, HOLD | {"article_ids": ["metabase:1"] * 10_001}, "article_ids"),
    (HOLDS, HOLD | {"everything": True}, ""),
    (HOLDS, HOLD | {"article_ids": []}, ""),
    (HOLDS, HOLD | {"dated_from": "2026-01-01T00:00:00Z"}, ""),
    (
        HOLDS,
        {
            "data_class": "articles",
            "reason": "why",
            "dated_from": "2026-01-01T00:00:00Z",
            "dated_until": "2026-01-01T01:00:00+01:00",
        },
        "",
    ),
    (
        HOLDS,
        {"data_class": "articles", "reason": "why", "dated_from": "2026-01-01T00:00:00"},
        "dated_from",
    ),
    (HOLDS, {"data_class": "articles", "everything": True}, "reason"),
]
"""Path, body, and the path of the error in the body."""
ALLOWED: list[tuple[str, str, set[str]]] = [
    ("POST", "/retention/sweeps", {"operator", "officer", "both"}),
    ("POST", "/admin/database/vacuum", {"operator", "officer", "both"}),
    ("POST", HOLDS, {"officer", "both"}),
    ("DELETE", f"{HOLDS}/{uuid4()}?reason=why", {"officer", "both"}),
    ("POST", f"{HOLDS}/{uuid4()}/keep", {"officer", "both"}),
    ("POST", f"{HOLDS}/{uuid4()}/confirm", {"second", "both"}),
    ("GET", "/retention/dlq", {"operator"}),
]
"""Actions and the roles that may do them."""


@pytest_asyncio.fixture
async def http(world: World, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key; there is one key per subject, named as the subject."""
    keys = [
        {"subject": subject, "roles": roles, "sha256": hashlib.sha256(subject.encode()).hexdigest()}
        for subject, roles in SUBJECTS.items()
    ]
    path = tmp_path / "api_keys.yaml"
    path.write_text(yaml.safe_dump(keys))
    settings = world.service.settings.model_copy(update={"api_keys_file": path})
    app = application(SERVICE, replace(world.service, settings=settings), Probes())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://retention/api/v1") as client:
        yield client


def _as(subject: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {subject}"}


async def _place(http: httpx.AsyncClient, subject: str = "officer", **more: Any) -> httpx.Response:
    body = {name: value for name, value in (HOLD | more).items() if value is not None}
    return await http.post(HOLDS, json=body, headers=_as(subject))


async def test_policies_show_ages_owners_and_last_sweeps(http: httpx.AsyncClient, world: World) -> None:
    await world.finish(*await world.sweep("articles"))
    await world.hold("metabase:1")
    items = {one["data_class"]: one for one in (await http.get("/retention/policies")).json()["items"]}
    assert len(items) == 6
    articles = items["articles"]
    assert (articles["age"], articles["action"], articles["owners"]) == (
        "2 years",
        "delete",
        ["ingester", "analytics"],
    )
    assert articles["before"].startswith("2024-03-01T12:00:00")
    assert (articles["last_swept_at"][:10], articles["holds_in_force"]) == ("2026-03-01", 1)
    assert items["cache"]["last_swept_at"] is None


async def test_an_operator_requests_a_sweep_and_reads_its_result(
    http: httpx.AsyncClient, world: World
) -> None:
    response = await http.post(
        "/retention/sweeps", json={"data_class": "articles", "dry_run": True}, headers=_as("operator")
    )
    assert response.status_code == 202
    (requested,) = response.json()["sweeps"]
    path = response.headers["Location"].removeprefix("/api/v1")
    assert path.endswith(requested["sweep_id"])
    (request,) = await world.requests()
    assert (str(request.sweep_id), request.dry_run, request.requested_by) == (
        requested["sweep_id"],
        True,
        "operator",
    )
    assert (await http.get(path)).json()["silent"] == ["analytics", "ingester"]
    page = (await http.get("/retention/sweeps?data_class=articles&state=requested")).json()
    assert [item["sweep_id"] for item in page["items"]] == [requested["sweep_id"]]
    assert (await http.get("/retention/sweeps?state=done")).json()["items"] == []
    assert (await http.get(f"/retention/sweeps/{uuid4()}")).status_code == 404


async def test_without_a_class_all_are_requested(http: httpx.AsyncClient) -> None:
    response = await http.post("/retention/sweeps", json={}, headers=_as("operator"))
    assert len(response.json()["sweeps"]) == 6
    assert "Location" not in response.headers


async def test_the_history_is_paged(http: httpx.AsyncClient, world: World) -> None:
    sweeps = []
    for _ in range(3):
        sweeps += await world.sweep("articles")
        world.clock.advance(minutes=1)
    await world.answers(world.completed(sweeps[0], "ingester"))
    first = (await http.get("/retention/sweeps?limit=2")).json()
    second = (await http.get(f"/retention/sweeps?limit=2&cursor={first['next_cursor']}")).json()
    listed = [item["sweep_id"] for item in first["items"] + second["items"]]
    assert listed == [str(sweep.sweep_id) for sweep in reversed(sweeps)]
    assert second["next_cursor"] is None
    assert second["items"][0]["answers"] == [
        {
            "owner": "ingester",
            "outcome": "completed",
            "found": 10,
            "removed": 8,
            "archived": 0,
            "held": 2,
            "kept": 0,
        }
    ]
    for cursor in ("xyz", Keyset(day="", id="").cursor({"day": "yesterday", "id": "one"})):
        assert (await http.get(f"/retention/sweeps?cursor={cursor}")).status_code == 422


async def test_tables_are_maintained_by_their_owners(http: httpx.AsyncClient, world: World) -> None:
    response = await http.post(
        "/admin/database/vacuum",
        json={"action": "reindex", "classes": ["articles", "articles", "alerts"]},
        headers=_as("operator"),
    )
    assert response.status_code == 202
    requests = {one.data_class: one for one in await world.requests()}
    assert {name: (one.action, one.before) for name, one in requests.items()} == {
        "articles": ("reindex", None),
        "alerts": ("reindex", None),
    }
    ids = {one["data_class"]: one["sweep_id"] for one in response.json()["sweeps"]}
    table = {
        "table": "alert",
        "bytes_before": 80,
        "bytes_after": 8,
        "bloat_before": 0.9,
        "bloat_after": 0.0,
    }
    (sweep,) = await world.sweep("alerts")
    reindexed = world.completed(sweep, "alerting", sweep_id=ids["alerts"], action="reindex", tables=[table])
    await world.answers(reindexed)
    body = (await http.get(f"/retention/sweeps/{ids['alerts']}")).json()
    assert (body["state"], body["answers"][0]["tables"]) == ("done", [table])
    everything = await http.post("/admin/database/vacuum", json={}, headers=_as("operator"))
    assert {one["action"] for one in everything.json()["sweeps"]} == {"vacuum"}


async def test_an_invalid_body_is_rejected_with_the_path(http: httpx.AsyncClient, world: World) -> None:
    for path, body, at in WRONG:
        response = await http.post(path, json=body, headers=_as("both"))
        assert response.status_code == 422, (body, response.text)
        assert response.headers["content-type"] == "application/problem+json"
        assert [error["path"] for error in response.json()["errors"]] == [at], body
    assert await world.requests() == []


async def test_a_hold_is_in_force_immediately_and_two_people_end_it(http: httpx.AsyncClient) -> None:
    placed = await _place(http)
    assert placed.status_code == 201
    body = placed.json()
    path = placed.headers["Location"].removeprefix("/api/v1")
    assert (body["state"], body["placed_by"], body["article_ids"], body["warning"]) == (
        "placed",
        "officer",
        ["metabase:1"],
        None,
    )
    confirmed = await http.post(f"{path}/confirm", headers=_as("second"))
    assert (confirmed.status_code, confirmed.json()["state"]) == (200, "confirmed")
    assert (await http.delete(path, headers=_as("officer"))).status_code == 422, "without a reason"
    requested = await http.delete(f"{path}?reason=settled", headers=_as("both"))
    assert (requested.status_code, requested.json()["state"]) == (202, "lifting")
    assert (await http.post(f"{path}/confirm", headers=_as("both"))).status_code == 403
    assert len((await http.get(HOLDS)).json()["items"]) == 1, (
        "it is in force until a second person has confirmed"
    )
    lifted = await http.post(f"{path}/confirm", json={"note": "seen"}, headers=_as("second"))
    assert (lifted.json()["state"], lifted.json()["ended_by"]) == ("lifted", "second")
    assert [(one["change"], one["changed_by"], one["note"]) for one in lifted.json()["history"]] == [
        ("placed", "officer", "a lawsuit"),
        ("confirmed", "second", ""),
        ("lifting", "both", "settled"),
        ("lifted", "second", "seen"),
    ]
    assert (await http.get(HOLDS)).json()["items"] == []
    assert len((await http.get(f"{HOLDS}?ended=true&data_class=articles")).json()["items"]) == 1
    assert (await http.post(f"{path}/confirm", headers=_as("second"))).status_code == 409


async def test_the_second_person_must_be_another_one(http: httpx.AsyncClient) -> None:
    placed = await _place(http, "both")
    path = placed.headers["Location"].removeprefix("/api/v1")
    refused = await http.post(f"{path}/confirm", headers=_as("both"))
    assert refused.status_code == 403
    assert "second person" in refused.json()["detail"]
    withdrawn = await http.delete(f"{path}?reason=mistaken", headers=_as("both"))
    assert (withdrawn.status_code, withdrawn.json()["state"]) == (200, "withdrawn")


async def test_a_rejected_end_leaves_the_hold_in_force(http: httpx.AsyncClient) -> None:
    path = (await _place(http)).headers["Location"].removeprefix("/api/v1")
    await http.delete(f"{path}?reason=settled", headers=_as("both"))
    kept = await http.post(f"{path}/keep", json={"note": "it is not"}, headers=_as("officer"))
    assert (kept.json()["state"], kept.json()["lift_requested_by"]) == ("placed", None)
    assert (await http.post(f"{path}/keep", headers=_as("officer"))).status_code == 409


async def test_a_hold_placed_during_a_sweep_has_a_warning(http: httpx.AsyncClient, world: World) -> None:
    (sweep,) = await world.sweep("articles")
    body = (await _place(http, article_ids=None, everything=True)).json()
    assert [one["sweep_id"] for one in body["sweeps_under_way"]] == [str(sweep.sweep_id)]
    assert "may already have deleted records" in body["warning"]
    assert [len(one.holds) for one in await world.requests()] == [0, 1]


async def test_holds_that_do_not_fit_into_a_request_are_rejected(http: httpx.AsyncClient) -> None:
    ids = [f"metabase:{n}" for n in range(10_000)]
    assert (await _place(http, article_ids=ids)).status_code == 201
    refused = await _place(http, article_ids=["metabase:x"])
    assert refused.status_code == 409
    assert "hold a span of time" in refused.json()["detail"]
    listed = (await http.get(HOLDS)).json()["items"]
    assert [(one["articles"], "article_ids" in one) for one in listed] == [(10_000, False)]
    assert (await http.get(f"{HOLDS}/{listed[0]['hold_id']}")).json()["article_ids"] == ids
    assert (await http.get(f"{HOLDS}/{uuid4()}")).status_code == 404


async def test_actions_need_a_key_with_the_right_role(http: httpx.AsyncClient) -> None:
    for method, path, allowed in ALLOWED:
        body: Any = {"json": HOLD if path == HOLDS else {}} if method == "POST" else {}
        assert (await http.request(method, path, **body)).status_code == 401, path
        for subject in SUBJECTS:
            response = await http.request(method, path, headers=_as(subject), **body)
            assert (response.status_code != 403) == (subject in allowed), (subject, path, response.text)


async def test_health_shows_the_worker_heartbeat_and_open_sweeps(
    http: httpx.AsyncClient, world: World
) -> None:
    await beat(world.service)
    await world.sweep("articles")
    await world.hold("metabase:1")
    body = (await http.get("/retention/health/detailed")).json()
    assert body["worker_seen_at"].startswith("2026-03-01T12:00:00")
    assert (body["open_sweeps"], body["holds_in_force"], body["last_swept_at"]) == (1, {"articles": 1}, {})
    assert (await http.get("/retention/jobs")).json()["items"] == []
    assert (await http.get("http://retention/openapi.json")).status_code == 200
