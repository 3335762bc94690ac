"""The address of a client. `X-Forwarded-For` is believed from trusted proxies alone: anybody can send it."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]
UNKNOWN: Final = "unknown"
PREFIX_BITS: Final = 64
"""A client of IPv6 has a whole network of this size, and may use another address for each request."""


def client_address(scope: Scope, trusted: Networks) -> str:
    """Return the address of a request's client, of IPv6 its network.

    Each proxy appends the address that it was called from. So the header is read from its end, as long as the address
    before is a trusted proxy.
    """
    address = _parsed(scope["client"][0]) if scope.get("client") else None
    for named in reversed(_forwarded_for(scope)):
        if address is None or not any(address in network for network in trusted):
            break
        before = _parsed(named)
        if before is None:
            break
        address = before
    return _limited(address)


def _forwarded_for(scope: Scope) -> list[str]:
    return ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")


def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _limited(address: Address | None) -> str:
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), PREFIX_BITS), strict=False))
    return UNKNOWN if address is None else str(address)
