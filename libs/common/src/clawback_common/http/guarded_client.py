"""HTTP requests to addresses that others registered: limits on destinations, duration and size of responses.

A name is resolved once per request, and the connection goes to the address that was checked. A name that resolves
differently a moment later cannot redirect the request. TLS still verifies the certificate against the name.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from clawback_common.errors import Transient

Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a name for a port; blocks."""

TIMEOUT_S = 10.0
"""From the name lookup to the last byte."""
ANSWER_BYTES_MAX = 65_536
_ADDRESSES_TRIED_MAX = 3
_RESOLVERS_MAX = 64
"""Threads. A name server that does not answer occupies one; the event loop's own threads are not used."""
_NEVER = tuple(
    ip_network(one)
    for one in (
        "169.254.0.0/16",
        "fe80::/10",
        "fd00:ec2::254/128",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
    )
)
"""Link-local addresses and the metadata services of cloud providers: no list of allowed networks permits them."""
_TRANSLATED = tuple(ip_network(one) for one in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
"""NAT64, 6to4 and Teredo: the address embeds an IPv4 address, which may be any."""


class AddressRefused(Transient):
    """The address is not allowed now. It may be allowed later, or its name may resolve to another address."""


@dataclass(frozen=True, slots=True)
class AddressRules:
    """The addresses that requests may go to."""

    public_only: bool
    """HTTPS and global addresses only. False in development: any address."""
    networks: tuple[Network, ...] = ()
    """Additional allowed networks."""

    def check_url(self, url: str) -> httpx.URL:
        """Parse an address whose form is allowed.

        Raises:
            AddressRefused: it is not an HTTP(S) address, has no TLS, or contains credentials.
        """
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            raise AddressRefused("the address is not a URL") from None
        if parsed.userinfo:
            raise AddressRefused("the address contains credentials")
        if parsed.scheme not in ({"https"} if self.public_only else {"http", "https"}):
            raise AddressRefused("the address needs https")
        if not parsed.host:
            raise AddressRefused("the address has no host")
        return parsed

    def check_addresses(self, addresses: Sequence[str]) -> None:
        """Check every address that a name resolves to, because the connection may go to any of them.

        Raises:
            AddressRefused: one of them is not allowed, or there is none.
        """
        if not addresses:
            raise AddressRefused("the name has no address")
        if self.public_only and not all(self._allows(one) for one in addresses):
            raise AddressRefused(
                "the name resolves to an address that is neither public nor in an allowed network"
            )

    def _allows(self, address: str) -> bool:
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
        if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        if found.is_multicast or found.is_unspecified or any(found in one for one in _NEVER):
            return False
        if any(found in one for one in self.networks):
            return True
        if any(found in one for one in _TRANSLATED):
            return False
        local = isinstance(found, IPv6Address) and found.is_site_local
        return found.is_global and not found.is_reserved and not local


@dataclass(frozen=True, slots=True)
class Target:
    """The destination of a connection."""

    url: httpx.URL
    """The URL with the address in place of the name."""
    name: str
    """The name, for TLS."""
    host: str
    """The Host header: the name and its port."""


class Addresses:
    """Resolves registered addresses and checks that they are allowed."""

    def __init__(self, rules: AddressRules, resolve: Resolve | None = None) -> None:
        self._rules = rules
        self._resolve = resolve or resolve_name
        self._resolvers = ThreadPoolExecutor(_RESOLVERS_MAX, "resolve")

    def close(self) -> None:
        """Stop lookups; a running one is not waited for."""
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    async def check(self, url: str) -> None:
        """Run the checks of a request, for the registration of an address.

        Raises:
            AddressRefused: a request to it would be refused.
        """
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self.targets(url)
        except TimeoutError:
            raise AddressRefused("the name could not be resolved in time") from None

    async def targets(self, url: str) -> list[Target]:
        """Return the destinations, to be tried in order.

        Raises:
            AddressRefused: there is none.
        """
        parsed = self._rules.check_url(url)
        port = parsed.port or {"http": 80, "https": 443}[parsed.scheme]
        name = parsed.raw_host.decode("ascii")
        loop = asyncio.get_running_loop()
        try:
            addresses = await loop.run_in_executor(self._resolvers, self._resolve, name, port)
        except (OSError, UnicodeError):
            raise AddressRefused("the name does not resolve") from None
        self._rules.check_addresses(addresses)
        return [
            Target(parsed.copy_with(host=one), name, parsed.netloc.decode("ascii"))
            for one in list(dict.fromkeys(addresses))[:_ADDRESSES_TRIED_MAX]
        ]


class GuardedClient:
    """Sends requests to addresses that others registered, or without `Addresses` to our own, with the same limits."""

    def __init__(
        self, http: httpx.AsyncClient, addresses: Addresses | None = None, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._http = http
        self._addresses = addresses
        self._timeout_s = timeout_s

    async def post_json(self, url: str, body: object, headers: Mapping[str, str] | None = None) -> bytes:
        """Post JSON and return the body of the response, whose status is 200.

        Raises:
            AddressRefused: the address is not allowed.
            Transient: no response in time, another status, or an encoded or too large response.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(url, body, headers or {})
        except TimeoutError:
            raise Transient(f"no complete response within {self._timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Transient(f"no response ({type(error).__name__})") from None

    async def _post(self, url: str, body: object, headers: Mapping[str, str]) -> bytes:
        if self._addresses is None:
            return await self._send(self._request(httpx.URL(url), body, headers))
        *first, last = await self._addresses.targets(url)
        for target in first:
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._send_to(target, body, headers)
        return await self._send_to(last, body, headers)

    async def _send_to(self, target: Target, body: object, headers: Mapping[str, str]) -> bytes:
        request = self._request(target.url, body, {**headers, "host": target.host})
        request.extensions["sni_hostname"] = target.name
        return await self._send(request)

    def _request(self, url: httpx.URL, body: object, headers: Mapping[str, str]) -> httpx.Request:
        plain = {"accept-encoding": "identity", "accept": "application/json"}
        return self._http.build_request(
            "POST", url, json=body, headers={**headers, **plain}, timeout=self._timeout_s
        )

    async def _send(self, request: httpx.Request) -> bytes:
        async with self._answered(request) as response:
            return await _read(response)

    @asynccontextmanager
    async def _answered(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        response = await self._http.send(request, stream=True, follow_redirects=False)
        try:
            yield response
        finally:
            await response.aclose()


def guarded_http() -> httpx.AsyncClient:
    """Create a client for registered addresses: no proxy, no redirects, no connection shared between names."""
    return httpx.AsyncClient(
        verify=httpx.create_ssl_context(),
        trust_env=False,
        follow_redirects=False,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
    )


def resolve_name(name: str, port: int) -> list[str]:
    """Return the addresses of a name, in the order in which to try them."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


async def _read(response: httpx.Response) -> bytes:
    if response.status_code != httpx.codes.OK:
        raise Transient(f"the response has the status {response.status_code}")
    if response.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise Transient("the response has a content encoding, which the request did not accept")
    chunks, size = [], 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > ANSWER_BYTES_MAX:
            raise Transient(f"the response has more than {ANSWER_BYTES_MAX} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
