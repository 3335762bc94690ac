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


class Sink:
    """Stores messages as files, whose names sort by time of arrival."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._numbers = itertools.count()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Stores a mail, with its envelope as headers that no sender can forge."""
        header = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n"
        self._store(".eml", header.encode() + (envelope.original_content or b""))
        return "250 accepted"

    async def receive_sms(self, request: Request) -> Response:
        """Stores a request as `{path, idempotency_key, body}`; a body that is no JSON as text."""
        if int(request.headers.get("Content-Length") or 0) > SMS_BYTES_MAX:
            return Response(status_code=413)
        body: object = (await request.body()).decode(errors="replace")
        with contextlib.suppress(ValueError):
            body = json.loads(str(body))
        key = request.headers.get("Idempotency-Key")
        message = {"path": request.url.path, "idempotency_key": key, "body": body}
        self._store(".json", json.dumps(message, ensure_ascii=False, indent=1).encode())
        return JSONResponse({"status": "kept"})

    def _store(self, suffix: str, content: bytes) -> None:
        path = self._folder / f"{time.time_ns()}-{next(self._numbers)}{suffix}"
        partial = path.with_suffix(".partial")
        partial.write_bytes(content)
        partial.rename(path)


async def serve_mail(options: argparse.Namespace, context: ssl.SSLContext | None) -> None:
    """Accepts every mail; with a certificate over implicit TLS (smtps)."""
    sink, loop = Sink(options.folder), asyncio.get_running_loop()

    def connection() -> SMTP:
        return SMTP(sink, data_size_limit=MAIL_BYTES_MAX, enable_SMTPUTF8=True)

    await _until_terminated(await loop.create_server(connection, options.host, options.port, ssl=context))


async def serve_sms(options: argparse.Namespace, _: ssl.SSLContext | None) -> None:
    """Accepts every POST."""
    app = Starlette(routes=[Route("/{path:path}", Sink(options.folder).receive_sms, methods=["POST"])])
    tls = {"ssl_certfile": options.certfile, "ssl_keyfile": options.keyfile}
    await uvicorn.Server(uvicorn.Config(app, options.host, options.port, log_level="warning", **tls)).serve()


async def serve_tls(options: argparse.Namespace, context: ssl.SSLContext | None) -> None:
    """Terminates TLS and forwards the bytes over loopback."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            there_reader, there_writer = await asyncio.open_connection(LOOPBACK, options.target)
            with contextlib.closing(there_writer):
                both = ((reader, there_writer), (there_reader, writer))
                ways = [asyncio.create_task(_copy(*way)) for way in both]
                _, unfinished = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in unfinished:
                    way.cancel()

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


def main() -> None:
    """`python -m clawback_local.servers mail|sms --folder DIR`, or `tls --target PORT`, with `--port` each."""
    serve = {"mail": serve_mail, "sms": serve_sms, "tls": serve_tls}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", choices=serve)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, required=True)
    for option, kind in (("folder", Path), ("target", int), ("certfile", Path), ("keyfile", Path)):
        parser.add_argument(f"--{option}", type=kind)
    options, context = parser.parse_args(), None
    if options.certfile is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certfile, options.keyfile)
    uvloop.run(serve[options.server](options, context))


if __name__ == "__main__":
    main()
