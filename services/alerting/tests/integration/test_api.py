"""The endpoints of the API."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml

from alerting.service import SERVICE
from alerting.storage.consents import HISTORY_MAX
from alerting.storage.messages import NOTIFICATIONS_MAX
from clawback_common.http.probes import Probes
from clawback_common.service.api import application
from clawback_contracts.alert.v1 import Severity, fingerprint
from services.alerting.tests.integration.conftest import World

pytestmark = pytest.mark.integration
KEYS = {role: f"key-of-{role}" for role in ("officer", "operator", "upstream", "holder", "alertmanager")}

NOTIFIED = """
    WITH sent AS (
        INSERT INTO message (message_id, recipient, channel, severity, rank, due_at, next_try_at, sent_at)
        SELECT gen_random_uuid(), 'n' || n, 'mail', 'info', 0, now(), now(), now()
        FROM generate_series($2::int, $3::int) AS n
        RETURNING message_id, recipient
    )
    INSERT INTO notification (fingerprint, occurrence, recipient, channel, what, number, message_id, alert)
    SELECT $1, 1, recipient, 'mail', 'raised', 0, message_id, '{}' FROM sent
"""
CONSENTED = """
    INSERT INTO consent (recipient, channel, address, consented_at, consented_by, recorded_at)
    SELECT 'n' || n, 'mail', 'a@clawback.example', now(), 'c', now() FROM generate_series($1::int, $2::int) AS n
"""


def key(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[role]}"}


@pytest_asyncio.fixture
async def http(world: World, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API."""
    file = tmp_path / "keys.yaml"
    rows = [
        {
            "subject": role,
            "roles": [role],
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "providers": ["up"],
        }
        for role, text in KEYS.items()
    ]
    file.write_text(yaml.safe_dump(rows))
    settings = world.service.settings.model_copy(update={"api_keys_file": file})
    app = application(SERVICE, replace(world.service, settings=settings), Probes())
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://alerting/api/v1") as client:
        yield client


async def test_alerts_are_listed_latest_first_in_pages_and_filtered(
    world: World, http: httpx.AsyncClient
) -> None:
    for number in range(5):
        await world.fold(world.raised(f"Some{number}", Severity.WARNING if number % 2 else Severity.CRITICAL))
        world.clock.advance(seconds=1)
    await world.fold(world.resolved("Some0"))
    listed: list[str] = []
    cursor: str | None = None
    while True:
        more: dict[str, str] = {"cursor": cursor} if cursor else {}
        page = (await http.get("/alerts", params={"limit": 2, **more})).json()
        listed += [one["name"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert listed == ["Some4", "Some3", "Some2", "Some1", "Some0"]

    async def names(**params: str) -> list[str]:
        return [one["name"] for one in (await http.get("/alerts", params=params)).json()["items"]]

    assert await names(status="resolved") == ["Some0"]
    assert await names(severity="warning") == ["Some3", "Some1"]
    assert await names(name="Some2") == ["Some2"]
    assert (await http.get("/alerts", params={"status": "odd"})).status_code == 422
    assert (await http.get("/alerts", params={"cursor": "odd"})).status_code == 422


async def test_an_alert_shows_the_names_of_notified_recipients_without_addresses(
    world: World, http: httpx.AsyncClient
) -> None:
    await world.fold(world.raised())
    await world.deliver()
    response = await http.get(f"/alerts/{(await world.alert()).fingerprint}")
    sent_at = {
        (one["recipient"], one["channel"], one["what"]): one["sent_at"]
        for one in response.json()["notifications"]
    }
    assert set(sent_at) == {("ann", "mail", "raised"), ("ann", "sms", "raised")}
    assert all(sent_at.values())
    assert "@" not in response.text
    assert (await http.get("/alerts/0000000000000000")).status_code == 404
    assert (await http.get("/alerts/odd")).status_code == 422


async def test_actions_need_a_key_with_the_role(world: World, http: httpx.AsyncClient) -> None:
    await world.fold(world.raised())
    path = f"/alerts/{(await world.alert()).fingerprint}"
    for action in (
        f"{path}/ack",
        f"{path}/resolve",
        "/silences",
        "/health/test-alert",
        "/webhooks/alertmanager",
    ):
        assert (await http.post(action, json={})).status_code == 401, action
        assert (await http.post(action, json={}, headers=key("holder"))).status_code == 403, action
    for role in ("upstream", "operator"):
        response = await http.post("/webhooks/alertmanager", json={}, headers=key(role))
        assert response.status_code == 403
    acknowledged = (await http.post(f"{path}/ack", headers=key("officer"))).json()
    assert acknowledged["acknowledged_by"] == "officer"
    resolved = (await http.post(f"{path}/resolve", headers=key("operator"))).json()
    assert (resolved["status"], resolved["resolved_by"]) == ("resolved", "operator")
    assert (await http.post(f"{path}/ack", headers=key("operator"))).status_code == 409
    for action in ("ack", "resolve"):
        assert (await http.post(f"/alerts/{'0' * 16}/{action}", headers=key("operator"))).status_code == 404


async def test_the_note_of_an_acknowledgement_is_kept_with_who_and_when(
    world: World, http: httpx.AsyncClient
) -> None:
    await world.fold(world.raised())
    path = f"/alerts/{(await world.alert()).fingerprint}"
    assert (await http.post(f"{path}/ack", json={"reason": "x"}, headers=key("officer"))).status_code == 422
    await http.post(f"{path}/ack", json={"note": "the provider was called"}, headers=key("officer"))
    stored = (await http.get(path)).json()
    assert (stored["acknowledged_by"], stored["acknowledged_note"]) == ("officer", "the provider was called")
    assert stored["acknowledged_at"] is not None
    other = await http.post(f"{path}/ack", json={"note": "another reason"}, headers=key("operator"))
    assert other.status_code == 409
    (listed,) = (await http.get("/alerts")).json()["items"]
    assert listed["acknowledged_note"] == "the provider was called"


async def test_an_alert_names_the_silences_that_mute_it(world: World, http: httpx.AsyncClient) -> None:
    await world.fold(world.raised())
    (before,) = (await http.get("/alerts")).json()["items"]
    body: dict[str, Any] = {
        "matchers": [f'name="{before["name"]}"'],
        "ends_at": (world.clock.now() + timedelta(hours=1)).isoformat(),
        "comment": "a change of the key",
    }
    created = (await http.post("/silences", json=body, headers=key("operator"))).json()
    listed = (await http.get("/alerts", params={"name": before["name"]})).json()["items"]
    assert (before["silenced_by"], listed[0]["silenced_by"]) == ([], [created["silence_id"]])
    (silence,) = (await http.get("/silences")).json()["items"]
    assert (silence["comment"], silence["created_by"]) == ("a change of the key", "operator")
    world.clock.advance(hours=2)
    assert (await http.get(f"/alerts/{before['id']}")).json()["silenced_by"] == []


async def test_a_silence_is_created_listed_and_ended(world: World, http: httpx.AsyncClient) -> None:
    body: dict[str, Any] = {
        "matchers": ['name="FeedStopped"'],
        "ends_at": (world.clock.now() + timedelta(hours=1)).isoformat(),
        "comment": "a change of the key",
    }
    created = await http.post("/silences", json=body, headers=key("operator"))
    assert created.status_code == 201
    assert created.json()["created_by"] == "operator"
    world.clock.advance(seconds=1)
    await http.post("/silences", json={**body, "matchers": ["a=b"]}, headers=key("officer"))
    first = (await http.get("/silences", params={"limit": 1})).json()
    second = (await http.get("/silences", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [one["matchers"] for one in first["items"] + second["items"]] == [["a=b"], ['name="FeedStopped"']]
    assert second["next_cursor"] is None
    path = f"/silences/{created.json()['silence_id']}"
    assert (await http.delete(path)).status_code == 401
    ended = await http.delete(path, headers=key("officer"))
    assert ended.json()["ended_by"] == "officer"
    assert (await http.delete(path, headers=key("officer"))).status_code == 404
    assert len((await http.get("/silences")).json()["items"]) == 1
    assert len((await http.get("/silences", params={"ended": True})).json()["items"]) == 2
    for wrong in (
        {"matchers": ["="]},
        {"ends_at": "soon"},
        {"ends_at": world.clock.now().isoformat()},
        {"x": 1},
        {"matchers": ['name=~".*"'], "ends_at": (world.clock.now() + timedelta(days=2)).isoformat()},
    ):
        response = await http.post("/silences", json={**body, **wrong}, headers=key("operator"))
        assert response.status_code == 422, wrong


async def test_channels_show_their_state_and_recipients_their_consent(
    world: World, http: httpx.AsyncClient
) -> None:
    world.sms.status = 500
    await world.fold(world.raised())
    await world.deliver()
    found = {one["name"]: one for one in (await http.get("/channels")).json()["items"]}
    assert found["mail"]["last_sent_at"] is not None
    assert (found["sms"]["failures"], found["sms"]["error"], found["sms"]["waiting"]) == (1, "status 500", 1)
    assert (await http.get("/channels/recipients")).status_code == 401
    response = await http.get("/channels/recipients", headers=key("officer"))
    people = {one["name"]: one for one in response.json()["items"]}
    assert people["ann"]["channels"] == ["mail", "sms"]
    assert (people["ann"]["notified"], people["ann"]["consented_at"]) == (True, "2026-01-05")
    assert len(response.json()["history"]) == 3
    assert "@" not in response.text
    assert "+1555" not in response.text


async def test_a_test_alert_is_sent_through_every_channel(world: World, http: httpx.AsyncClient) -> None:
    response = await http.post("/health/test-alert", headers=key("operator"))
    assert response.status_code == 202
    await world.deliver()
    assert sorted(world.mail.to) == ["ann@clawback.example", "bob@clawback.example"]
    assert world.sms.texts[0].startswith("[INFO] TestAlert: This is a test")
    shown = await http.get(response.json()["status_url"].removeprefix("/api/v1"))
    assert len(shown.json()["notifications"]) == 3


def pushed(*alerts: Any) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": "{}:{}",
        "status": "firing",
        "receiver": "clawback",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "alerts": list(alerts),
    }


def fires(name: str = "KafkaLag", **more: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": name, "severity": "critical"},
        "annotations": {"summary": "A group is behind."},
        "startsAt": "2026-03-01T11:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
    } | more


async def test_an_alert_pushed_by_alertmanager_is_sent_by_mail(world: World, http: httpx.AsyncClient) -> None:
    path, who = "/webhooks/alertmanager", key("alertmanager")
    for _ in range(2):
        response = await http.post(path, json=pushed(fires()), headers=who)
        assert (response.status_code, response.json()) == (202, {"accepted": 1, "refused": []})
    await world.deliver()
    assert world.mail.subjects == ["[CRITICAL] KafkaLag (alertmanager)"]
    assert "Since:   2026-03-01 11:00:00 UTC" in world.mail.bodies[0]
    world.clock.advance(minutes=6)
    await http.post(path, json=pushed(fires(status="resolved")), headers=who)
    await world.deliver()
    assert world.mail.subjects[-1].startswith("[RESOLVED]")


async def test_an_invalid_alert_in_a_body_is_reported_and_the_others_are_accepted(
    world: World, http: httpx.AsyncClient
) -> None:
    body = pushed(fires(), fires(labels={"alertname": "not camel"}))
    response = await http.post("/webhooks/alertmanager", json=body, headers=key("alertmanager"))
    assert (response.status_code, response.json()["accepted"]) == (202, 1)
    assert response.json()["refused"][0]["errors"][0]["path"] == "alerts[1].labels"
    listed = (await http.get("/alerts")).json()["items"]
    assert {one["name"]: one["labels"] for one in listed} == {
        "KafkaLag": {},
        "UnreadableAlertRecord": {"source": "alertmanager"},
    }
    await world.pass_time(hours=25)
    states = {one["name"]: one["status"] for one in (await http.get("/alerts")).json()["items"]}
    assert states["UnreadableAlertRecord"] == "resolved"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"not json", ""),
        (b"\xff", ""),
        (b"[" * 5000, ""),
        (b"[]", ""),
        (b'{"version": "3"}', "version"),
        (b'{"version": "4", "groupKey": "a", "status": "firing", "alerts": [{}]}', "alerts[0].status"),
    ],
)
async def test_an_invalid_payload_is_rejected_with_the_path(
    http: httpx.AsyncClient, body: bytes, path: str
) -> None:
    response = await http.post("/webhooks/alertmanager", content=body, headers=key("alertmanager"))
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert path in {error["path"] for error in response.json()["errors"]}


async def test_a_too_large_body_is_rejected(http: httpx.AsyncClient) -> None:
    body = b'{"version": "4", "x": "' + b"x" * 2_100_000 + b'"}'
    response = await http.post("/webhooks/alertmanager", content=body, headers=key("alertmanager"))
    assert response.status_code == 413


async def test_the_health_of_alerting_has_firing_alerts_and_waiting_messages(
    world: World, http: httpx.AsyncClient
) -> None:
    await world.fold(world.raised())
    health = (await http.get("/alerting/health/detailed")).json()
    assert (health["firing"], health["waiting"]) == ({"critical": 1}, {"mail": 1, "sms": 1})
    assert (await http.get("/alerting/jobs")).json()["items"] == []
    assert (await http.get("/alerting/dlq", headers=key("operator"))).json()["items"] == []


async def test_the_fingerprint_is_the_id_that_every_service_can_compute(
    world: World, http: httpx.AsyncClient
) -> None:
    await world.fold(world.raised(labels={"feed": "a"}))
    found = await http.get(f"/alerts/{fingerprint('ingester', 'FeedStopped', {'feed': 'a'})}")
    assert found.status_code == 200


async def test_the_notifications_of_an_alert_are_truncated_at_their_maximum(
    http: httpx.AsyncClient, world: World
) -> None:
    response = await http.post("/health/test-alert", headers=key("operator"))
    path = response.json()["status_url"].removeprefix("/api/v1")
    known = len((await http.get(path)).json()["notifications"])
    fingerprint = path.rpartition("/")[2]
    await world.db.execute(NOTIFIED, fingerprint, known + 1, NOTIFICATIONS_MAX)
    one = (await http.get(path)).json()
    assert (len(one["notifications"]), one["notifications_truncated"]) == (NOTIFICATIONS_MAX, False)
    await world.db.execute(NOTIFIED, fingerprint, NOTIFICATIONS_MAX + 1, NOTIFICATIONS_MAX + 1)
    one = (await http.get(path)).json()
    assert (len(one["notifications"]), one["notifications_truncated"]) == (NOTIFICATIONS_MAX, True)


async def test_the_history_of_consents_is_truncated_at_its_maximum_keeping_the_latest(
    http: httpx.AsyncClient, world: World
) -> None:
    async def shown() -> tuple[int, bool, str]:
        body = (await http.get("/channels/recipients", headers=key("officer"))).json()
        return len(body["history"]), body["history_truncated"], body["history"][0]["recipient"]

    known = (await shown())[0]
    await world.db.execute(CONSENTED, known + 1, HISTORY_MAX)
    assert await shown() == (HISTORY_MAX, False, f"n{HISTORY_MAX}")
    await world.db.execute(CONSENTED, HISTORY_MAX + 1, HISTORY_MAX + 1)
    assert await shown() == (HISTORY_MAX, True, f"n{HISTORY_MAX + 1}")
