"""Small servers of our own: sinks for mail and SMS, and a proxy that adds TLS to a server without it."""

import argparse
import asyncio
import contextlib
import itertools
import json
import signal
import ssl
import time
from pathlib import Path

import uvicorn
import uvloop
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from clawback_local.config import LOOPBACK

MAIL_BYTES_MAX = 25_000_000
SMS_BYTES_MAX = 100_000
CHUNK_BYTES = 262_144
_NUMBERS = itertools.count()


def store(folder: Path, suffix: str, content: bytes) -> None:
    """Writes a message atomically; file names sort by time of arrival."""
    path = folder / f"{time.time_ns()}-{next(_NUMBERS)}{suffix}"
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    partial.rename(path)


class MailSink:
    """Stores every message as an .eml."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the name that aiosmtpd calls
        """Stores one message, with its envelope as headers that no sender can forge."""
        content = envelope.content or b""
        header = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n"
        store(
            self._folder,
            ".eml",
            header.encode() + (content if isinstance(content, bytes) else content.encode()),
        )
        return "250 accepted"


async def serve_mail(options: argparse.Namespace) -> None:
    """Accepts every mail; with a certificate over implicit TLS (smtps)."""
    sink = MailSink(options.folder)

    def connection() -> SMTP:
        return SMTP(sink, data_size_limit=MAIL_BYTES_MAX, enable_SMTPUTF8=True)

    loop = asyncio.get_running_loop()
    await _until_terminated(
        await loop.create_server(connection, options.host, options.port, ssl=_context(options))
    )


async def serve_sms(options: argparse.Namespace) -> None:
    """Accepts every POST, and stores it as `{path, idempotency_key, body}`; a body that is no JSON as text."""

    async def receive(request: Request) -> Response:
        if int(request.headers.get("Content-Length") or 0) > SMS_BYTES_MAX:
            return Response(status_code=413)
        body = await request.body()
        try:
            text = json.loads(body)
        except ValueError:
            text = body.decode(errors="replace")
        message = {
            "path": request.url.path,
            "idempotency_key": request.headers.get("Idempotency-Key"),
            "body": text,
        }
        store(options.folder, ".json", json.dumps(message, ensure_ascii=False, indent=1).encode())
        return JSONResponse({"status": "kept"})

    app = Starlette(routes=[Route("/{path:path}", receive, methods=["POST"])])
    tls = {"ssl_certfile": options.certfile, "ssl_keyfile": options.keyfile}
    config = uvicorn.Config(app, options.host, options.port, log_level="warning", access_log=False, **tls)
    await uvicorn.Server(config).serve()


async def serve_tls(options: argparse.Namespace) -> None:
    """Terminates TLS and forwards the bytes over loopback."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            there_reader, there_writer = await asyncio.open_connection(LOOPBACK, options.target)
            with contextlib.closing(there_writer):
                ways = [
                    asyncio.create_task(_copy(*way))
                    for way in ((reader, there_writer), (there_reader, writer))
                ]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()

    context = _context(options)
    if context is None:
        raise SystemExit("--certfile and --keyfile are needed")
    context.set_alpn_protocols(["postgresql"])  # sent by PostgreSQL clients that begin with TLS directly
    await _until_terminated(await asyncio.start_server(forward, options.host, options.port, ssl=context))


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(CHUNK_BYTES):
            sink.write(chunk)
            await sink.drain()


async def _until_terminated(server: asyncio.Server) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    server.close()


def _context(options: argparse.Namespace) -> ssl.SSLContext | None:
    if options.certfile is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.certfile, options.keyfile)
    return context


def main() -> None:
    """`python -m clawback_local.servers mail|sms --folder DIR`, or `tls --target PORT`, with `--port` each."""
    serve = {"mail": serve_mail, "sms": serve_sms, "tls": serve_tls}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", choices=serve)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--target", type=int, help="port of the server without TLS")
    parser.add_argument("--certfile", type=Path)
    parser.add_argument("--keyfile", type=Path)
    options = parser.parse_args()
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    uvloop.run(serve[options.server](options))


if __name__ == "__main__":
    main()
