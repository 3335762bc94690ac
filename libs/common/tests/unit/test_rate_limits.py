"""The rate limits of an API: by key, else by address, with budgets that no flood on other paths uses up."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
import yaml
from fastapi import Depends, FastAPI

from clawback_common.http.app import create_app
from clawback_common.http.auth import Caller, reader
from clawback_common.http.probes import Probes
from clawback_common.http.rate_limits import buckets as buckets_module
from clawback_common.http.rate_limits.buckets import LocalBuckets
from clawback_common.http.rate_limits.budgets import Budgets
from clawback_common.http.rate_limits.clients import Networks, client_address
from clawback_common.http.rate_limits.limit import WrittenLimit
from clawback_common.http.rate_limits.limiter import RateLimiter
from clawback_common.http.rate_limits.middleware import RateLimits
from clawback_common.http.routing import Router
from clawback_common.service.process import ShutdownEvent, serve
from clawback_common.telemetry.metrics import REGISTRY
from clawback_testing.clock import FakeClock

READS, NOTICES = "/api/v1/reads", "/api/v1/notices"
OWN_PATHS: Mapping[str, WrittenLimit] = {
    "POST /api/v1/notices": "lenient",
    "GET /api/v1/reads/search": "search",
}
CLIENT, OTHER, PROXY = "203.0.113.7", "203.0.113.8", "10.1.2.3"


@dataclass
class Settings:
    """Settings of an API with the limits of production."""

    enable_auth: bool = False
    api_keys_file: Path | None = None
    rate_limit_global_rps: float = 16.67
    rate_limit_per_ip_rps: float = 1.67
    rate_limit_burst: int = 10
    rate_limit_paths: dict[str, WrittenLimit] = field(default_factory=dict)
    rate_limit_subjects: dict[str, WrittenLimit] = field(default_factory=dict)


class Api:
    """An API with a clock that only the test moves."""

    def __init__(self, settings: Settings | None = None, trusted: Networks = ()) -> None:
        self.settings = settings or Settings()
        self.now_us = 10**12
        self.local = LocalBuckets(lambda: self.now_us)
        limits = RateLimits(Budgets("test", self.settings, OWN_PATHS), RateLimiter(None, self.local), trusted)
        self.app = _app(self.settings, limits)

    def wait(self, seconds: float) -> None:
        """Move the clock."""
        self.now_us += round(seconds * 1_000_000)

    async def send(self, method: str, path: str, *, peer: str = CLIENT, **headers: str) -> httpx.Response:
        """Send a request from this address; underscores in names of headers are hyphens."""
        transport = httpx.ASGITransport(self.app, client=(peer, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, path, headers=named)

    async def statuses(self, count: int, method: str = "GET", path: str = READS, **more: Any) -> list[int]:
        """Send a number of requests and return the statuses of the answers."""
        return [(await self.send(method, path, **more)).status_code for _ in range(count)]

    async def admitted(self, count: int, method: str = "GET", path: str = READS, **more: Any) -> int:
        """Send a number of requests and return how many were not refused."""
        return sum(status != 429 for status in await self.statuses(count, method, path, **more))


def _app(settings: Settings, limits: RateLimits) -> FastAPI:
    router = Router()

    @router.get("/reads")
    @router.get("/reads/search")
    @router.post("/notices")
    @router.post("/other")
    async def answer(_: Annotated[Caller, Depends(reader())]) -> str:
        return "done"

    return create_app(
        title="Test",
        version="1",
        settings=settings,
        probes=Probes(),
        routers=[router],
        clock=FakeClock(),
        limits=limits,
    )


def _with_keys(folder: Path, *subjects: str, **more: Any) -> Settings:
    """Return settings with an API key for each subject; the key is its name."""
    entries = [
        {"subject": one, "roles": ["reader"], "sha256": hashlib.sha256(one.encode()).hexdigest()}
        for one in subjects
    ]
    (folder / "keys.yaml").write_text(yaml.safe_dump(entries))
    return Settings(api_keys_file=folder / "keys.yaml", **more)


async def test_a_client_sends_a_burst_and_then_its_rate() -> None:
    api = Api()
    assert await api.statuses(12) == [200] * 10 + [429] * 2
    api.wait(0.59)
    assert await api.admitted(1) == 0
    api.wait(0.01)
    assert await api.admitted(2) == 1
    api.wait(60)
    assert await api.admitted(20) == 10, "an idle bucket holds the burst and no more"


async def test_within_a_minute_a_client_sends_a_hundred_requests_and_its_burst() -> None:
    api = Api()
    admitted = 0
    for _ in range(600):
        admitted += await api.admitted(1)
        api.wait(0.1)
    assert 108 <= admitted <= 110


async def test_every_response_has_the_state_of_the_limit() -> None:
    api = Api()
    first = await api.send("GET", READS)
    assert first.headers["ratelimit-policy"] == '"reads";q=100;w=60'
    assert first.headers["ratelimit"] == '"reads";r=9;t=1'
    assert "retry-after" not in first.headers
    unknown = await api.send("GET", "/api/v1/nothing")
    assert (unknown.status_code, unknown.headers["ratelimit"]) == (404, '"reads";r=8;t=1')


async def test_a_refusal_says_when_to_try_again() -> None:
    api = Api(Settings(rate_limit_per_ip_rps=0.1))
    before = REGISTRY.get_sample_value("rate_limit_refusals_total", {"budget": "reads"}) or 0
    await api.admitted(10)
    api.wait(1)
    refused = await api.send("GET", READS)
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["ratelimit-policy"] == '"reads";q=6;w=60'
    assert refused.headers["ratelimit"] == '"reads";r=0;t=9'
    assert refused.headers["retry-after"] == "9"
    assert refused.headers["x-request-id"]
    body = refused.json()
    assert (body["status"], body["title"]) == (429, "Too Many Requests")
    assert body["error"] == {
        "code": 429,
        "message": "The limit of 6 requests per minute (reads) is reached: wait before the next one.",
        "details": [],
        "retry_after": 9,
        "timestamp": "2026-03-01T12:00:00+00:00",
    }
    assert REGISTRY.get_sample_value("rate_limit_refusals_total", {"budget": "reads"}) == before + 1
    api.wait(9)
    assert await api.admitted(1) == 1


async def test_ordinary_reads_of_all_clients_have_a_limit_together() -> None:
    api = Api()
    for number in range(10):
        assert await api.admitted(10, peer=f"198.51.100.{number}") == 10
    refused = await api.send("GET", READS)
    assert refused.status_code == 429
    assert refused.headers["ratelimit-policy"] == '"total";q=1000;w=60'
    assert refused.headers["ratelimit"] == '"total";r=0;t=1'
    api.wait(0.06)
    assert await api.admitted(1) == 1


async def test_a_refused_request_takes_no_token_from_any_bucket() -> None:
    api = Api()
    for number in range(10):
        await api.admitted(50, peer=f"198.51.100.{number}")
    await api.admitted(50)
    api.wait(6)
    assert await api.admitted(20) == 10, "requests that the total refused used up the client's own bucket"


async def test_a_flood_of_reads_leaves_the_other_budgets_alone() -> None:
    api = Api()
    for number in range(11):
        await api.admitted(20, peer=f"198.51.100.{number}")
    await api.admitted(20)
    assert await api.admitted(1) == 0
    assert await api.admitted(50, "POST", NOTICES) == 50
    assert await api.admitted(20, path="/api/v1/reads/search") == 20
    assert await api.admitted(10, "POST", "/api/v1/other") == 10


async def test_reads_of_a_path_do_not_use_the_budget_of_its_writes() -> None:
    api = Api()
    assert await api.admitted(20, "GET", NOTICES) == 10
    answer = await api.send("POST", NOTICES)
    assert answer.headers["ratelimit"] == '"POST notices";r=49;t=1'


async def test_probes_and_metrics_are_never_limited() -> None:
    api = Api()
    await api.admitted(20)
    for path in ("/livez", "/metrics"):
        assert await api.statuses(30, path=path) == [200] * 30
    assert "ratelimit" not in (await api.send("GET", "/livez")).headers


@pytest.mark.parametrize(
    ("forwarded", "peer", "expected"),
    [
        ("", CLIENT, CLIENT),
        (OTHER, CLIENT, CLIENT),
        (OTHER, PROXY, OTHER),
        (f"1.1.1.1, {OTHER}", PROXY, OTHER),
        (f"{OTHER}, 10.9.9.9", PROXY, OTHER),
        ("10.9.9.9", PROXY, "10.9.9.9"),
        ("nonsense", PROXY, PROXY),
        (f"{OTHER}, nonsense", PROXY, PROXY),
        ("", PROXY, PROXY),
        (f"::ffff:{OTHER}", f"::ffff:{PROXY}", OTHER),
        ("", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", PROXY, "2001:db8:1:2::/64"),
        (OTHER, "", "unknown"),
    ],
)
def test_a_forwarded_address_is_believed_from_trusted_proxies_alone(
    forwarded: str, peer: str, expected: str
) -> None:
    scope = {
        "type": "http",
        "client": (peer, 1) if peer else None,
        "headers": [(b"x-forwarded-for", one.encode()) for one in forwarded.split(", ")],
    }
    assert client_address(scope, [ip_network("10.0.0.0/8")]) == expected


async def test_a_client_cannot_change_its_address_by_a_header() -> None:
    api = Api()
    spoofed = [await api.send("GET", READS, X_Forwarded_For=f"198.51.100.{n}") for n in range(12)]
    assert [one.status_code for one in spoofed] == [200] * 10 + [429] * 2


async def test_a_client_on_loopback_cannot_change_its_address_either(unused_tcp_port: int) -> None:
    stopping, url = ShutdownEvent(), f"http://127.0.0.1:{unused_tcp_port}{READS}"
    serving = asyncio.create_task(serve(Api().app, "127.0.0.1", unused_tcp_port, stopping))
    await asyncio.sleep(0)
    async with httpx.AsyncClient() as client:
        found = [await client.get(url, headers={"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(15)]
    stopping.set()
    await serving
    assert [one.status_code for one in found] == [200] * 10 + [429] * 5


async def test_clients_behind_a_trusted_proxy_have_a_bucket_each() -> None:
    api = Api(trusted=[ip_network("10.0.0.0/8")])
    assert await api.admitted(12, peer=PROXY, X_Forwarded_For=CLIENT) == 10
    assert await api.admitted(12, peer=PROXY, X_Forwarded_For=OTHER) == 10
    assert await api.admitted(12, peer=CLIENT, X_Forwarded_For=OTHER) == 0, (
        "the same client, without the proxy"
    )


async def test_a_network_of_ipv6_is_one_client() -> None:
    api = Api()
    statuses = [(await api.send("GET", READS, peer=f"2001:db8::{n:x}")).status_code for n in range(12)]
    assert statuses == [200] * 10 + [429] * 2


async def test_a_key_has_its_own_bucket_from_whatever_address(tmp_path: Path) -> None:
    api = Api(_with_keys(tmp_path, "acme", "search"))
    assert await api.admitted(12) == 10
    assert await api.admitted(6, X_API_Key="acme") == 6
    assert await api.admitted(6, peer=OTHER, Authorization="Bearer acme") == 4
    assert await api.admitted(12, X_API_Key="search") == 10


async def test_invalid_keys_are_limited_by_address_and_create_no_bucket_each(tmp_path: Path) -> None:
    api = Api(_with_keys(tmp_path, "acme"))
    guesses = [await api.send("GET", READS, X_API_Key=f"guess-{n}") for n in range(12)]
    assert [one.status_code for one in guesses] == [401] * 10 + [429] * 2
    assert len(api.local._full_at) == 2, "one of the address, one of all clients"
    assert await api.admitted(1, X_API_Key="acme") == 1


async def test_a_subject_may_have_a_limit_of_its_own_beside_that_of_all_clients(tmp_path: Path) -> None:
    subjects: dict[str, WrittenLimit] = {"bench": 60_000, "slow": "strict"}
    settings = _with_keys(tmp_path, "bench", "slow", rate_limit_subjects=subjects, rate_limit_global_rps=1)
    api = Api(settings)
    assert await api.admitted(200, X_API_Key="bench") == 200
    policy = (await api.send("GET", READS, X_API_Key="slow")).headers["ratelimit-policy"]
    assert policy == '"reads";q=10;w=60'
    assert await api.admitted(12) == 10, "the two subjects used up the limit of all clients"
    writing = await api.send("POST", NOTICES, X_API_Key="slow")
    assert writing.headers["ratelimit-policy"] == '"POST notices";q=500;w=60', (
        "a lower limit holds notices back"
    )


async def test_a_path_has_the_preset_that_the_settings_assign_to_it() -> None:
    paths: dict[str, WrittenLimit] = {
        "POST /api/v1/notices": "webhook",
        "GET /api/v1/reads/s": "strict",
        "GET /": 30,
    }
    api = Api(Settings(rate_limit_paths=paths))
    found = {
        path: (await api.send(method, path)).headers["ratelimit-policy"]
        for method, path in (
            ("POST", NOTICES),
            ("GET", f"{READS}/search"),
            ("GET", f"{READS}/s"),
            ("GET", READS),
        )
    }
    assert found == {
        NOTICES: '"POST notices";q=1000;w=60',
        f"{READS}/search": '"GET reads/search";q=200;w=60',
        f"{READS}/s": '"GET reads/s";q=10;w=60',
        READS: '"GET /";q=30;w=60',
    }


async def test_a_flood_from_many_addresses_uses_a_bounded_amount_of_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(buckets_module, "BUCKETS_MAX", 100)
    api = Api(Settings(rate_limit_global_rps=1_000_000))
    for number in range(300):
        await api.admitted(1, peer=f"198.51.{number // 256}.{number % 256}")
    assert len(api.local._full_at) == 100
