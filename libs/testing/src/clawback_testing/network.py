"""A network that goes silent: no byte passes in either direction, and neither side sees the connection closed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(slots=True)
class Network:
    """The connection to one server, through a local port."""

    host: str
    port_behind: int
    port: int = 0
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    def go_silent(self) -> None:
        """Stop all traffic, as when a node loses power: both sides wait."""
        self._open.clear()

    def recover(self) -> None:
        """Resume; what was sent meanwhile is delivered."""
        self._open.set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle a client."""
        far_reader, far_writer = await asyncio.open_connection(self.host, self.port_behind)
        self._writers += [writer, far_writer]
        for one in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._forward(*one))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
            await self._open.wait()
        writer.close()

    async def close(self) -> None:
        """Close all connections."""
        for task in list(self._tasks):
            task.cancel()
        for writer in self._writers:
            writer.close()


@asynccontextmanager
async def network(host: str, port: int) -> AsyncIterator[Network]:
    """Open a forwarded port to a server that can go silent; traffic passes at first."""
    one = Network(host, port)
    one.recover()
    server = await asyncio.start_server(one.connected, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        await one.close()
