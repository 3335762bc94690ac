"""The event loop of every process: uvloop, with bounds for what TLS waits for."""

from typing import Any

import uvloop
from typing_extensions import override

CLIENT_SHUTDOWN_S = 0.25
"""Brokers do not answer the end of TLS; uvloop waits 30 s for that, longer than a worker may take to drain."""
SERVER_SHUTDOWN_S = 3.0
"""For the rest of an answer to a slow client, and its end of TLS."""
HANDSHAKE_S = 10.0
"""A client that begins TLS and does not go on holds its connection for so long."""


class Loop(uvloop.Loop):
    """Ends connections with TLS in time."""

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
