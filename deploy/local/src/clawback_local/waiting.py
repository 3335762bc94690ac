"""Conditions to wait for: a port accepts connections, an endpoint answers, a process has ended."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable

from clawback_local.ports import LOOPBACK

POLL_S = 0.05
PROBE_TIMEOUT_S = 2.0
HTTP_OK = b"200"


async def listens(port: int, host: str = LOOPBACK) -> bool:
    """Whether a connection is accepted now."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def answers(
    port: int, path: str, host: str = LOOPBACK, *, context: ssl.SSLContext | None = None
) -> bool:
    """Whether a GET of the path is answered with 200 now; over TLS with a context."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
            try:
                writer.write(
                    f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
                )
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return status.split(b" ")[1:2] == [HTTP_OK]


async def until(condition: Callable[[], Awaitable[bool]], *, deadline_s: float) -> bool:
    """Polls until the condition is true. Returns False after the deadline."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while not await condition():
        if loop.time() >= end:
            return False
        await asyncio.sleep(POLL_S)
    return True
