"""An API on a port, for callers that open their own connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from clawback_common.service.process import ShutdownEvent, serve
from clawback_testing.waiting import until


@asynccontextmanager
async def served(app: Any, port: int) -> AsyncIterator[None]:
    """Serves the application on this port until the block ends."""
    stopping = ShutdownEvent()
    serving = asyncio.create_task(serve(app, "127.0.0.1", port, stopping))

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    try:
        await until(listens, what="the server listens")
        yield
    finally:
        stopping.set()
        await serving
