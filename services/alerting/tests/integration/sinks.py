"""A mail server and an SMS gateway that accept messages, or fail as real ones do."""

import asyncio
import email
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any, Literal

from aiosmtpd.smtp import SMTP

Behaviour = Literal["accepts", "refuses", "hangs", "closes"]


@dataclass(slots=True)
class MailSink:
    """Stores each mail with its envelope."""

    behaviour: Behaviour = "accepts"
    mails: list[EmailMessage] = field(default_factory=list)
    to: list[str] = field(default_factory=list)
    attempts: int = 0
    confirmed: asyncio.Event | None = None
    """When set, a mail is stored immediately and confirmed only after this event."""
    port: int = 0
    _server: asyncio.Server | None = None

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Accepts a mail, or fails."""
        self.attempts += 1
        match self.behaviour:
            case "refuses":
                return "451 not now"
            case "hangs":
                await asyncio.Event().wait()
            case "closes":
                server.transport.abort()
                return "421 closing"
            case "accepts":
                pass
        mail = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.to += envelope.rcpt_tos
        if self.confirmed is not None:
            await self.confirmed.wait()
        return "250 accepted"

    async def start(self) -> None:
        """Listens; after a restart, on the same port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stops; connections are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def subjects(self) -> list[str]:
        """The subject of each mail."""
        return [str(mail["Subject"]) for mail in self.mails]

    @property
    def bodies(self) -> list[str]:
        """The body of each mail."""
        return [mail.get_content() for mail in self.mails]


@dataclass(slots=True)
class SmsSink:
    """Stores each request."""

    status: int = 200
    behaviour: Behaviour = "accepts"
    posts: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    attempts: int = 0
    port: int = 0
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listens."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stops; connections are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.attempts += 1
            if self.behaviour == "hangs":
                await reader.read()
            if self.behaviour != "accepts":
                return
            if self.status < 300:
                self.posts.append(json.loads(body))
                self.keys.append(headers.get("idempotency-key", ""))
            writer.write(f"HTTP/1.1 {self.status} x\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @property
    def texts(self) -> list[str]:
        """The text of each message."""
        return [post["text"] for post in self.posts]


@asynccontextmanager
async def sinks() -> AsyncIterator[tuple[MailSink, SmsSink]]:
    """Both sinks, listening."""
    mail, sms = MailSink(), SmsSink()
    await mail.start()
    await sms.start()
    try:
        yield mail, sms
    finally:
        await mail.stop()
        await sms.stop()
