"""Adds TLS to a server without it: terminates TLS and forwards the bytes over loopback."""

import argparse
import asyncio
import contextlib
import signal
import ssl
from pathlib import Path

import uvloop

from clawback_local.ports import LOOPBACK

CHUNK_BYTES = 262_144
ALPN = ["postgresql"]
"""PostgreSQL clients send this when they begin with TLS directly; others send none."""


async def serve(port: int, target: int, context: ssl.SSLContext) -> None:
    """Listens until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await _join(reader, writer, target)
        writer.close()

    server = await asyncio.start_server(pass_on, LOOPBACK, port, ssl=context)
    await stop.wait()
    server.close()


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int) -> None:
    """Forwards both directions, until one of them ends."""
    there_reader, there_writer = await asyncio.open_connection(LOOPBACK, target)
    ways = [
        asyncio.create_task(_copy(reader, there_writer)),
        asyncio.create_task(_copy(there_reader, writer)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        there_writer.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(CHUNK_BYTES):
            sink.write(chunk)
            await sink.drain()


def add_certificate_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of a server that may have a certificate."""
    parser.add_argument("--certfile", type=Path)
    parser.add_argument("--keyfile", type=Path)


def context_of(options: argparse.Namespace) -> ssl.SSLContext | None:
    """Returns the context for the certificate of the command line; None without one."""
    if options.certfile is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.certfile, options.keyfile)
    return context


def main() -> None:
    """`python -m clawback_local.tls_proxy --port 5434 --target 5433 --certfile FILE --keyfile FILE`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--target", type=int, required=True)
    add_certificate_arguments(parser)
    options = parser.parse_args()
    context = context_of(options)
    if context is None:
        parser.error("--certfile and --keyfile are needed")
    context.set_alpn_protocols(ALPN)
    uvloop.run(serve(options.port, options.target, context))


if __name__ == "__main__":
    main()
