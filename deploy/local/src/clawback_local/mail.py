"""A mail sink: accepts every message and writes it to a folder, one .eml each."""

import argparse
import asyncio
import itertools
import signal
import ssl
import time
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from clawback_local.ports import LOOPBACK
from clawback_local.tls_proxy import add_certificate_arguments, context_of

MESSAGE_BYTES_MAX = 25_000_000


class Sink:
    """Writes received messages; file names sort by time of arrival."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Stores one message, with its envelope as headers that no sender can forge."""
        content = (
            envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        )
        header = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n"
        path = self._folder / f"{time.time_ns()}-{next(self._numbers)}.eml"
        partial = path.with_suffix(".partial")
        partial.write_bytes(header.encode() + content)
        partial.rename(path)
        return "250 accepted"


async def serve(host: str, port: int, folder: Path, context: ssl.SSLContext | None = None) -> None:
    """Listens until SIGTERM; with a context, over implicit TLS (smtps)."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    sink = Sink(folder)
    server = await loop.create_server(
        lambda: SMTP(sink, data_size_limit=MESSAGE_BYTES_MAX, enable_SMTPUTF8=True),
        host,
        port,
        ssl=context,
    )
    async with server:
        await stop.wait()


def main() -> None:
    """`python -m clawback_local.mail --port 1025 --folder DIR`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    add_certificate_arguments(parser)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(serve(options.host, options.port, options.folder, context_of(options)))


if __name__ == "__main__":
    main()
