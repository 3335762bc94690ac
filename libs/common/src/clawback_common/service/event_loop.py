"""The event loop of every process: uvloop, with limits on TLS handshakes and shutdowns."""

from typing import Any

import uvloop
from typing_extensions import override

CLIENT_SHUTDOWN_S = 0.25
"""Brokers do not answer a TLS shutdown. uvloop waits 30 s for it, longer than the drain time of a worker."""
SERVER_SHUTDOWN_S = 3.0
"""Time for the rest of a response to a slow client, and for the client's TLS shutdown."""
HANDSHAKE_S = 10.0
"""Time for a TLS handshake; then the connection is closed."""


class Loop(uvloop.Loop):
    """Limits the time of TLS handshakes and shutdowns."""

    @override
    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("ssl"):
            kwargs.setdefault("ssl_shutdown_timeout", CLIENT_SHUTDOWN_S)
        return await super().create_connection(*args, **kwargs)

    @override
    async def create_server(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("ssl"):
            kwargs.setdefault("ssl_shutdown_timeout", SERVER_SHUTDOWN_S)
            kwargs.setdefault("ssl_handshake_timeout", HANDSHAKE_S)
        return await super().create_server(*args, **kwargs)
