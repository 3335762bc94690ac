"""The client for the ingester: an unusable response is an error with a text, and never an empty list."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AnyHttpUrl

from clawback_common.errors import Transient
from clawback_common.http.client import Sibling
from clawback_common.http.guarded_client import Addresses, AddressRules, GuardedClient
from compliance.gateways.ingester import Ingester
from compliance.gateways.stores import HoldingsClient

Respond = Callable[[httpx.Request], httpx.Response]


def _ingester(respond: Respond, key_file: Path | None = None) -> Ingester:
    http = httpx.AsyncClient(transport=httpx.MockTransport(respond))
    return Ingester(Sibling("the ingester", AnyHttpUrl("http://ingester/"), key_file, http), 5)


def _holdings(http: httpx.AsyncClient) -> HoldingsClient:
    addresses = Addresses(AddressRules(public_only=False), lambda name, _: [name])
    return HoldingsClient(GuardedClient(http), GuardedClient(http, addresses))


def _empty(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(b""))


def _unreachable(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("the ingester's address")


async def test_an_unreachable_ingester_is_reported_without_addresses() -> None:
    with pytest.raises(Transient, match=r"does not respond \(ConnectError\)"):
        await _ingester(_unreachable).revocation_feeds()


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"items": [{"name": 1}]}'])
async def test_an_unreadable_response_is_never_an_empty_list(body: bytes) -> None:
    with pytest.raises(Transient, match="cannot be parsed"):
        await _ingester(lambda _: httpx.Response(200, content=body)).revocation_feeds()


@pytest.mark.parametrize("body", [b'{"detail": "The provider failed"}', b"<html>", b"[]"])
async def test_an_error_response_is_reported_with_its_status(body: bytes) -> None:
    with pytest.raises(Transient, match="502"):
        await _ingester(lambda _: httpx.Response(502, content=body)).poll("metabase-revoked")


async def test_the_key_is_read_again_for_every_call(tmp_path: Path) -> None:
    path, keys = tmp_path / "key", []

    def respond(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["authorization"])
        return httpx.Response(200, json={"items": []})

    for key in ("one", "two"):
        path.write_text(f"{key}\n")
        assert await _ingester(respond, path).live(5) == []
    assert keys == ["Bearer one", "Bearer two"]


async def test_an_unreadable_key_file_is_a_transient_error(tmp_path: Path) -> None:
    with pytest.raises(Transient, match=r"the key file .*none cannot be read"):
        await _ingester(_unreachable, tmp_path / "none").live(5)


@pytest.mark.parametrize("respond", [_unreachable, lambda _: httpx.Response(500), _empty])
async def test_an_unanswered_holdings_request_is_an_error(respond: Respond) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as http:
        with pytest.raises(Transient, match="holdings"):
            await _holdings(http).ask_own("http://store/holdings", ["metabase:1"], None)
        with pytest.raises(Transient, match="holdings"):
            await _holdings(http).ask_registered("http://store/holdings", ["metabase:1"])


@pytest.mark.parametrize("status", [400, 401, 500])
async def test_an_unexpected_status_of_an_article_means_neither_readable_nor_gone(status: int) -> None:
    with pytest.raises(Transient, match=str(status)):
        await _ingester(lambda _: httpx.Response(status)).lists("metabase:1")
    for absent in (404, 410):
        assert not await _ingester(lambda _, code=absent: httpx.Response(code)).lists("metabase:1")  # type: ignore[misc]


def _responds(body: bytes) -> Respond:
    return lambda _: httpx.Response(200, stream=httpx.ByteStream(body))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"items":' * 7_000,
        b'{"items": {"a": ' + b"1" * 60_000 + b"}}",
        b'{"items": {"a": "gone"}, "orders": {"a": ' + b"9" * 5_000 + b"}}",
        b'{"items": {"a": "gone"}, "orders": {"a": 1e400}}',
        b'{"items": {"a": "\xff"}}',
        b'{"items": {"a": "\\ud800"}}',
        b'{"items": null}',
        b"null",
        b"\x00",
    ],
)
async def test_a_hostile_response_is_an_error(body: bytes) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(_responds(body))) as http:
        with pytest.raises(Transient, match="unreadabl"):
            await _holdings(http).ask_registered("http://store/holdings", ["a:1"])


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f'{{"items": {text}}}'.encode()))
async def test_any_response_is_read_or_is_an_error(body: bytes) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(_responds(body))) as http:
        with suppress(Transient):
            assert (await _holdings(http).ask_registered("http://store/holdings", ["a:1"])).items is not None
