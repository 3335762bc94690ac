"""Requests to addresses that others registered, against peers that are slow, large, encoded or somewhere else."""

import asyncio
import gzip
import ssl
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from clawback_common.errors import Transient
from clawback_common.http.guarded_client import (
    ANSWER_BYTES_MAX,
    Addresses,
    AddressRefused,
    AddressRules,
    GuardedClient,
    guarded_http,
)

PRODUCTION = AddressRules(public_only=True)
DEVELOPMENT = AddressRules(public_only=False)
Respond = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Peer:
    """A server on loopback that sends any response, and records its requests."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.requests: list[str] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Respond to one connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(head)
            await self.respond(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def peer(respond: Respond, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    target = Peer(respond)
    server = await asyncio.start_server(target.serve, "127.0.0.1", 0, ssl=tls)
    target.port = server.sockets[0].getsockname()[1]
    try:
        yield target
    finally:
        server.close()


@asynccontextmanager
async def client(
    rules: AddressRules = DEVELOPMENT,
    *,
    resolves: Sequence[str] = ("127.0.0.1",),
    timeout_s: float = 5,
) -> AsyncIterator[tuple[GuardedClient, list[str]]]:
    resolved: list[str] = []

    def resolve(name: str, _: int) -> Sequence[str]:
        resolved.append(name)
        return resolves

    async with guarded_http() as http:
        addresses = Addresses(rules, resolve)
        yield GuardedClient(http, addresses, timeout_s=timeout_s), resolved
        addresses.close()


def plain(body: bytes, head: str = "", status: str = "200 OK") -> Respond:
    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body)
        await writer.drain()

    return respond


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/holdings",
        "https://user:secret@example.com/holdings",
        "https://user@example.com/",
        "ftp://example.com/",
        "https:///holdings",
    ],
)
def test_an_address_without_tls_or_with_credentials_is_refused_in_production(url: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        PRODUCTION.check_url(url)
    assert "secret" not in str(refused.value)


def test_credentials_in_an_address_are_refused_in_development_as_well() -> None:
    DEVELOPMENT.check_url("http://127.0.0.1:8080/holdings")
    with pytest.raises(AddressRefused):
        DEVELOPMENT.check_url("http://user:secret@127.0.0.1/")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "0.0.0.0",  # noqa: S104 - an address to refuse
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "fe80::1%eth0",
        "fec0::1",
        "fd00::1",
        "fd00:ec2::254",
        "ff02::1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:1::1",
        "2001:db8::1",
    ],
)
def test_an_address_that_is_not_public_is_refused_in_production(address: str) -> None:
    with pytest.raises(AddressRefused):
        PRODUCTION.check_addresses([address])
    with pytest.raises(AddressRefused):
        PRODUCTION.check_addresses(["93.184.216.34", address])
    DEVELOPMENT.check_addresses([address])


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(address: str) -> None:
    PRODUCTION.check_addresses([address])


def test_a_network_in_the_list_is_allowed_and_metadata_never_is() -> None:
    networks = tuple(ip_network(one) for one in ("10.0.0.0/8", "169.254.0.0/16", "0.0.0.0/0", "::/0"))
    rules = AddressRules(public_only=True, networks=networks)
    rules.check_addresses(["10.1.2.3", "::ffff:10.1.2.3", "fd00::1"])
    for address in ("169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254"):
        with pytest.raises(AddressRefused):
            rules.check_addresses([address])


async def test_a_name_is_resolved_once_and_that_address_is_connected_to() -> None:
    async with peer(plain(b"{}")) as target, client() as (guarded, resolved):
        assert await guarded.post_json(f"http://holder.example:{target.port}/holdings?a=1", {}) == b"{}"
    assert resolved == ["holder.example"]
    (request,) = target.requests
    assert request.startswith("POST /holdings?a=1 HTTP/1.1\r\n")
    assert f"host: holder.example:{target.port}\r\n" in request.lower()
    assert "accept-encoding: identity\r\n" in request.lower()


async def test_a_name_that_resolves_elsewhere_after_the_registration_is_not_called() -> None:
    moved = ["93.184.216.34"]
    async with guarded_http() as http:
        addresses = Addresses(PRODUCTION, lambda *_: list(moved))
        await addresses.check("https://holder.example/holdings")
        moved[:] = ["127.0.0.1"]
        with pytest.raises(AddressRefused):
            await GuardedClient(http, addresses).post_json("https://holder.example/holdings", {})
        addresses.close()


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "localhost"])
async def test_other_ways_to_write_loopback_are_refused_in_production(host: str) -> None:
    addresses = Addresses(PRODUCTION)
    with pytest.raises(AddressRefused):
        await addresses.check(f"https://{host}/holdings")
    addresses.close()


async def test_the_next_address_of_a_name_is_tried_when_one_does_not_respond() -> None:
    async with peer(plain(b"{}")) as target, client(resolves=["127.0.0.2", "127.0.0.1"]) as (guarded, _):
        assert await guarded.post_json(f"http://holder.example:{target.port}/", {}) == b"{}"


async def test_a_redirect_is_not_followed() -> None:
    async with peer(plain(b"{}")) as target:
        moved = plain(b"", f"Location: http://127.0.0.1:{target.port}/\r\n", "307 Temporary Redirect")
        async with peer(moved) as redirecting, client() as (guarded, _):
            with pytest.raises(Transient, match="307"):
                await guarded.post_json(f"http://holder.example:{redirecting.port}/", {})
        assert target.requests == []


async def test_a_slow_response_ends_after_the_total_time() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with peer(drip) as target, client(timeout_s=0.4) as (guarded, _):
        async with asyncio.timeout(3):
            with pytest.raises(Transient, match="within"):
                await guarded.post_json(f"http://holder.example:{target.port}/", {})


async def test_an_unresponsive_name_server_ends_after_the_total_time() -> None:
    def hang(*_: object) -> list[str]:
        time.sleep(0.8)
        return ["127.0.0.1"]

    async with guarded_http() as http:
        addresses = Addresses(DEVELOPMENT, hang)
        with pytest.raises(Transient, match="within"):
            await GuardedClient(http, addresses, timeout_s=0.2).post_json("http://holder.example/", {})
        addresses.close()


@pytest.mark.parametrize("known_length", [True, False])
async def test_a_large_response_is_not_read_to_its_end(known_length: bool) -> None:  # noqa: FBT001 - a parameter
    async def endless(writer: asyncio.StreamWriter) -> None:
        length = f"Content-Length: {10**9}\r\n" if known_length else ""
        writer.write(f"HTTP/1.1 200 OK\r\n{length}\r\n".encode())
        while True:
            writer.write(b" " * 65_536)
            await writer.drain()

    async with peer(endless) as target, client() as (guarded, _):
        tracemalloc.start()
        with pytest.raises(Transient, match=str(ANSWER_BYTES_MAX)):
            await guarded.post_json(f"http://holder.example:{target.port}/", {})
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 4_000_000


async def test_a_gzip_bomb_is_refused_before_it_is_decompressed() -> None:
    bomb = gzip.compress(b" " * 20_000_000)
    async with peer(plain(bomb, "Content-Encoding: gzip\r\n")) as target, client() as (guarded, _):
        tracemalloc.start()
        with pytest.raises(Transient, match="content encoding"):
            await guarded.post_json(f"http://holder.example:{target.port}/", {})
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 4_000_000


async def test_our_own_addresses_are_called_unchecked_within_the_same_limits() -> None:
    async with peer(plain(b"{}")) as target, httpx.AsyncClient() as http:
        guarded = GuardedClient(http, timeout_s=2)
        assert await guarded.post_json(f"http://127.0.0.1:{target.port}/", {}, {"x-key": "k"}) == b"{}"
        assert "x-key: k" in target.requests[0].lower()
    async with peer(plain(b" " * (ANSWER_BYTES_MAX + 1))) as target, httpx.AsyncClient() as http:
        with pytest.raises(Transient):
            await GuardedClient(http, timeout_s=2).post_json(f"http://127.0.0.1:{target.port}/", {})


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for holder.example."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "holder.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("holder.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "holder.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


async def test_tls_checks_the_name_and_not_the_address_that_is_connected_to(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    networks = (ip_network("127.0.0.0/8"),)
    rules = AddressRules(public_only=True, networks=networks)
    async with peer(plain(b"{}"), server) as target, client(rules) as (guarded, _):
        assert await guarded.post_json(f"https://holder.example:{target.port}/", {}) == b"{}"
        with pytest.raises(Transient, match="ConnectError"):
            await guarded.post_json(f"https://other.example:{target.port}/", {})
    assert len(target.requests) == 1
