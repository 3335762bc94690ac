"""The endpoints that every service has below its name."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from clawback_common.errors import Transient
from clawback_common.http.app import create_app
from clawback_common.http.dead_letters import DeadLetterFilter, DeadLetters, Retried
from clawback_common.http.paging import newest_first
from clawback_common.http.probes import Probes
from clawback_common.http.routers import dlq_router, health_router
from clawback_testing.clock import FakeClock

ONE = UUID(int=1)
LETTER = {
    "id": ONE,
    "source": "thing",
    "topic": "things.v1",
    "partition": 0,
    "kafka_offset": 7,
    "event_id": None,
    "subjects": [],
    "type": "thing.happened",
    "reason": "not_json",
    "detail": "",
    "set_aside_at": FakeClock().now(),
    "retries": 0,
    "resolved_at": None,
    "resolution": None,
    "kept": True,
}
NOW = FakeClock().now()
LETTERS = newest_first("set_aside_at", "id")
OPERATOR = {"X-API-Key": "key of an operator"}


class Quarantine:
    """Records its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.unavailable = False

    async def list(
        self, which: DeadLetterFilter, before: tuple[datetime, UUID], limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """One record, and one of the next page."""
        self.calls.append((which, before, limit))
        return [LETTER] * limit

    async def retry(self, which: DeadLetterFilter) -> Retried:
        """Return that two succeeded."""
        self.calls.append((which,))
        return Retried(2, 1)


class Settings:
    """A client with an operator's key."""

    enable_auth = False

    def __init__(self, folder: Path) -> None:
        self.api_keys_file = folder / "keys.yaml"
        hashed = hashlib.sha256(OPERATOR["X-API-Key"].encode()).hexdigest()
        self.api_keys_file.write_text(f"- {{subject: olga, roles: [operator], sha256: {hashed}}}")


@pytest.fixture
def quarantine() -> Quarantine:
    return Quarantine()


@pytest.fixture
def probes() -> Probes:
    return Probes()


@pytest.fixture
async def client(quarantine: Quarantine, probes: Probes, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    letters: DeadLetters = quarantine

    async def details() -> dict[str, object]:
        if quarantine.unavailable:
            raise Transient("the database is away")
        return {"dlq_depth": 3, "worker_seen_at": FakeClock().now()}

    routers = [
        health_router("thing", "1.0", probes, details=details, clock=FakeClock()),
        dlq_router("thing", letters),
    ]
    app = create_app(title="t", version="1.0", settings=Settings(tmp_path), probes=probes, routers=routers)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def _unavailable() -> str | None:
    raise Transient("away")


@pytest.mark.parametrize(
    ("required", "status", "code"),
    [(True, "unhealthy", 503), (False, "degraded", 200), (None, "healthy", 200)],
)
async def test_health_follows_the_checks(
    client: httpx.AsyncClient, probes: Probes, *, required: bool | None, status: str, code: int
) -> None:
    if required is not None:
        probes.add("database", _unavailable, required=required)
        await probes.check()
    response = await client.get("/api/v1/thing/health")
    assert (response.status_code, response.json()["status"]) == (code, status)
    assert response.json()["timestamp"] == "2026-03-01T12:00:00Z"


async def test_detailed_health_reports_the_process(client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/v1/thing/health/detailed")).json()
    assert (body["dlq_depth"], body["worker_seen_at"]) == (3, "2026-03-01T12:00:00Z")
    assert body["memory"]["rss_bytes_max"] >= body["memory"]["rss_bytes"] > 10_000_000
    assert {"python", "aiokafka"} <= set(body["versions"])


async def test_detailed_health_answers_when_the_services_details_fail(
    client: httpx.AsyncClient, quarantine: Quarantine
) -> None:
    quarantine.unavailable = True
    body = (await client.get("/api/v1/thing/health/detailed")).json()
    assert body["incomplete"] == "Transient: the database is away"
    assert body["memory"]


async def test_dead_letters_are_listed_for_operators_only(
    client: httpx.AsyncClient, quarantine: Quarantine
) -> None:
    query: dict[str, str | float] = {
        "type": "thing.happened",
        "reason": "not_json",
        "older_than_s": 60,
        "limit": 5,
        "cursor": LETTERS.cursor({"set_aside_at": NOW, "id": ONE}),
    }
    assert (await client.get("/api/v1/thing/dlq", params=query)).status_code == 401
    response = await client.get("/api/v1/thing/dlq", params=query, headers=OPERATOR)
    items, following = response.json()["items"], response.json()["next_cursor"]
    assert items == [LETTER | {"id": str(ONE), "set_aside_at": "2026-03-01T12:00:00Z"}] * 5
    assert LETTERS.after(following) == (NOW, ONE)
    which = DeadLetterFilter(None, "thing.happened", "not_json", 60.0)
    assert quarantine.calls == [(which, (NOW, ONE), 6)]


async def test_dead_letters_are_retried_by_the_given_criteria(
    client: httpx.AsyncClient, quarantine: Quarantine
) -> None:
    body = {"ids": [str(ONE)], "reason": "not_json"}
    response = await client.post("/api/v1/thing/dlq/retry", json=body, headers=OPERATOR)
    assert response.json() == {"retried": 2, "failed": 1}
    assert quarantine.calls == [(DeadLetterFilter(ids=(ONE,), reason="not_json"),)]


async def test_a_retry_without_criteria_is_refused(client: httpx.AsyncClient, quarantine: Quarantine) -> None:
    response = await client.post("/api/v1/thing/dlq/retry", json={}, headers=OPERATOR)
    assert response.status_code == 422
    assert "older_than_s 0 selects all" in response.text
    assert quarantine.calls == []
