"""A fake SMS gateway: accepts every POST and writes it to a folder, one .json each."""

import argparse
import itertools
import json
import signal
import ssl
import sys
import time
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType

from typing_extensions import override

from clawback_local.ports import LOOPBACK
from clawback_local.tls_proxy import add_certificate_arguments, context_of

BODY_BYTES_MAX = 100_000
_NUMBERS = itertools.count()


class Sink(BaseHTTPRequestHandler):
    """Stores requests as `{path, idempotency_key, body}`; file names sort by time of arrival."""

    def __init__(self, folder: Path, *rest: object) -> None:
        self._folder = folder
        super().__init__(*rest)  # type: ignore[arg-type] # what the server passes on

    def do_POST(self) -> None:  # the name that http.server calls
        """Stores one message; a body that is not JSON is stored as text."""
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= BODY_BYTES_MAX:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        kept = {
            "path": self.path,
            "idempotency_key": self.headers.get("Idempotency-Key"),
            "body": _read(self.rfile.read(length)),
        }
        path = self._folder / f"{time.time_ns()}-{next(_NUMBERS)}.json"
        partial_file = path.with_suffix(".partial")
        partial_file.write_text(json.dumps(kept, ensure_ascii=False, indent=1))
        partial_file.rename(path)
        self._answer(b'{"status": "kept"}')

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing: numbers and texts belong in the folder only."""

    def _answer(self, body: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _read(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def serve(host: str, port: int, folder: Path, context: ssl.SSLContext | None = None) -> None:
    """Listens until SIGTERM; over https with a context."""
    signal.signal(signal.SIGTERM, _end)
    with ThreadingHTTPServer((host, port), partial(Sink, folder)) as server:
        server.daemon_threads = True
        if (
            context is not None
        ):  # the serving thread does the handshake, so that a slow client blocks no other
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        server.serve_forever()


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> None:
    """`python -m clawback_local.sms --port 1026 --folder DIR`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    add_certificate_arguments(parser)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    serve(options.host, options.port, options.folder, context_of(options))


if __name__ == "__main__":
    main()
