"""HTTP/1.1 with deadlines: the connection of a request that does not arrive in time is closed.

Uvicorn limits how long an idle connection is kept, but not how long a request may take to arrive. An incomplete head,
or a body of one byte per minute, would keep a connection open for ever.
"""

import asyncio
from typing import Any, ClassVar

import h11
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol


class DeadlineProtocol(H11Protocol):
    """Closes a connection whose request head or body does not arrive in time."""

    head_s_max: ClassVar[float] = 10.0
    """From the connection's start, or a request's first byte, to the end of its head."""
    body_s_max: ClassVar[float] = 60.0
    """From the end of the head to the end of the body; 10 MB at 170 kB/s. Also applies to a refused body."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._arriving: type[h11.IDLE | h11.SEND_BODY] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect(h11.IDLE)

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._expect(self.conn.their_state)

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        state = self.conn.their_state
        self._expect(None if state is h11.IDLE else state)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._expect(None)
        super().connection_lost(exc)

    def _expect(self, state: Any) -> None:
        """Set a new deadline when another part of a request must arrive; otherwise remove it."""
        arriving = state if state in (h11.IDLE, h11.SEND_BODY) else None
        if arriving is self._arriving:
            return
        self._arriving = arriving
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if arriving is not None:
            seconds = self.head_s_max if arriving is h11.IDLE else self.body_s_max
            self._deadline = self.loop.call_later(seconds, self.transport.abort)
