"""The addresses that a holder may register."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml

from clawback_common.http.probes import Probes
from clawback_common.service.api import application
from compliance.service import SERVICE
from compliance.settings import Settings
from services.compliance.tests.integration.conftest import World

pytestmark = pytest.mark.integration
RAG = {"name": "rag", "group": "rag", "purpose": "answers", "copy_kinds": ["content"]}
SECRET = "zq-secret-5512"


async def _client(world: World, tmp_path: Path, **settings: Any) -> httpx.AsyncClient:
    """Returns a client with an operator's key."""
    entry = {"subject": "ops", "roles": ["operator"], "sha256": hashlib.sha256(b"ops").hexdigest()}
    keys = tmp_path / "keys.yaml"
    keys.write_text(yaml.safe_dump([entry]))
    changed = world.service.settings.model_copy(update={"api_keys_file": keys, **settings})
    app = application(SERVICE, replace(world.service, settings=changed), Probes())
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://compliance/api/v1/compliance",
        headers={"Authorization": "Bearer ops"},
    )


@pytest_asyncio.fixture
async def production(world: World, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Addresses are checked as in production."""
    networks = (ip_network("10.0.0.0/8"),)
    async with await _client(world, tmp_path, environment="production", holder_networks=networks) as client:
        yield client


@pytest_asyncio.fixture
async def development(world: World, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Addresses are checked as in development."""
    async with await _client(world, tmp_path) as client:
        yield client


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/holdings",
        "https://127.0.0.1/holdings",
        "https://2130706433/holdings",
        "https://0x7f000001/holdings",
        "https://localhost/holdings",
        "https://[::ffff:127.0.0.1]/holdings",
        "https://169.254.169.254/latest/meta-data",
        "https://192.168.1.1/holdings",
        "https://[fe80::1]/holdings",
        "https://holder.invalid/holdings",
    ],
)
async def test_an_address_that_must_not_be_used_is_rejected(production: httpx.AsyncClient, url: str) -> None:
    rejected = await production.post("/holders", json=RAG | {"holdings_url": url})
    assert (rejected.status_code, rejected.json()["errors"][0]["path"]) == (422, "holdings_url")
    assert (await production.post("/holders", json=RAG)).status_code == 201
    changed = await production.patch("/holders/rag", json={"holdings_url": url})
    assert changed.status_code == 422
    assert (await production.get("/holders/rag")).json()["holdings_url"] is None


@pytest.mark.parametrize("url", ["https://8.8.8.8/holdings", "https://10.1.2.3:8443/holdings"])
async def test_a_public_address_and_one_in_an_allowed_network_are_accepted(
    production: httpx.AsyncClient, url: str
) -> None:
    assert (await production.post("/holders", json=RAG | {"holdings_url": url})).status_code == 201


async def test_local_addresses_are_accepted_in_development(development: httpx.AsyncClient) -> None:
    local = RAG | {"holdings_url": "http://127.0.0.1:9000/holdings"}
    assert (await development.post("/holders", json=local)).status_code == 201


async def test_an_address_with_credentials_is_rejected_and_not_repeated(
    development: httpx.AsyncClient,
) -> None:
    url = f"https://user:{SECRET}@search.example/holdings"
    for response in (
        await development.post("/holders", json=RAG | {"holdings_url": url}),
        await development.patch("/holders/search", json={"holdings_url": url}),
    ):
        assert response.status_code == 422
        assert SECRET not in response.text


async def test_an_unknown_field_is_rejected(development: httpx.AsyncClient) -> None:
    rejected = await development.post("/holders", json=RAG | {"holding_url": "https://search.example/"})
    assert (rejected.status_code, rejected.json()["errors"][0]["path"]) == (422, "holding_url")


def test_networks_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDER_NETWORKS", "10.0.0.0/8, fd00::/8")
    assert Settings().address_rules.networks == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert not Settings().address_rules.public_only
    monkeypatch.setenv("HOLDER_NETWORKS", "inside")
    with pytest.raises(ValueError, match="holder_networks"):
        Settings()
