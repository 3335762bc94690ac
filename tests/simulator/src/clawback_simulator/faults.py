"""Injected failures: their queue, and their answers."""

import asyncio
import gzip
import socket
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from clawback_simulator import wire
from clawback_simulator.actions import Fail
from clawback_simulator.codes import MESSAGES, status_of
from clawback_simulator.settings import Settings

HTML = (
    b"<!DOCTYPE html>\n<html><head><title>Maintenance</title></head><body><p>Back soon.<br></body></html>\n"
)
ENTITY_BOMB = (
    '<?xml version="1.0"?>\n<!DOCTYPE response [<!ENTITY a0 "lol">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]>\n<response><status>SUCCESS</status><userMessage>&a9;</userMessage><articles/></response>"
).encode()
DEPTH = 100_000
MEDIA = {"xml": "application/xml; charset=utf-8", "json": "application/json; charset=utf-8"}


@dataclass(slots=True)
class Waiting:
    """A queued failure."""

    fail: Fail
    skip: int
    left: int

    def concerns(self, endpoint: str) -> bool:
        """Whether it applies to this endpoint."""
        return self.fail.endpoint in {"*", endpoint}


class Faults:
    """The queue of failures; an endpoint gets the first that applies to it."""

    def __init__(self) -> None:
        self._line: list[Waiting] = []

    def add(self, fail: Fail) -> None:
        """Appends a failure."""
        self._line.append(Waiting(fail, fail.skip, fail.times))

    def heal(self, endpoint: str) -> int:
        """Removes the queued failures of this endpoint, `*` for all; returns how many answers would have failed."""
        dropped = [waiting for waiting in self._line if endpoint in {"*", waiting.fail.endpoint}]
        self._line = [waiting for waiting in self._line if waiting not in dropped]
        return sum(waiting.left for waiting in dropped)

    def take(self, endpoint: str) -> Fail | None:
        """Returns the failure for the current call; None if it succeeds."""
        waiting = next((waiting for waiting in self._line if waiting.concerns(endpoint)), None)
        if waiting is None:
            return None
        if waiting.skip:
            waiting.skip -= 1
            return None
        waiting.left -= 1
        if not waiting.left:
            self._line.remove(waiting)
        return waiting.fail

    def pending(self) -> list[dict[str, str | int]]:
        """Returns the queued failures, in order."""
        return [
            {"endpoint": one.fail.endpoint, "mode": one.fail.mode, "skip": one.skip, "left": one.left}
            for one in self._line
        ]


def rest_s(fail: Fail) -> float:
    """Returns how long the key must not call."""
    if fail.mode in {"rate_limited", "error", "unavailable", "failure"}:
        return (
            (1.0 if fail.mode == "rate_limited" else 0.0)
            if fail.retry_after_s is None
            else fail.retry_after_s
        )
    return 0.0


def failing(fail: Fail, form: str, settings: Settings) -> Response:  # noqa: PLR0911  one per case
    """Returns the answer of a failure that does not depend on the request."""
    match fail.mode:
        case "rate_limited":
            return _plain(b"Too Many Requests", fail.status or 429, {"Retry-After": f"{rest_s(fail):g}"})
        case "error" | "unavailable":
            headers = {} if fail.retry_after_s is None else {"Retry-After": f"{fail.retry_after_s:g}"}
            return _plain(b"Internal trouble", fail.status or (500 if fail.mode == "error" else 503), headers)
        case "html":
            return Response(HTML, fail.status or 200, media_type="text/html")
        case "empty":
            return Response(b"", fail.status or 200, media_type=MEDIA[form])
        case "entity_bomb":
            return Response(ENTITY_BOMB, fail.status or 200, media_type=MEDIA["xml"])
        case "depth_bomb":
            return Response(_deep(form), fail.status or 200, media_type=MEDIA[form])
        case "not_gzip":
            return _encoded(b"this is no gzip, whatever the header says", form, fail)
        case _:
            body = wire.failure(fail.code, MESSAGES.get(fail.code, "Unknown"), form, settings.failure_field)
            headers = {} if fail.retry_after_s is None else {"Retry-After": f"{fail.retry_after_s:g}"}
            status = fail.status or status_of(fail.code, settings.failure_status)
            return Response(body, status, headers, media_type=MEDIA[form])


async def bomb(fail: Fail, form: str) -> Response:
    """Returns a small gzip body that unpacks to `bomb_bytes`."""
    return _encoded(await asyncio.to_thread(_packed_spaces, fail.bomb_bytes), form, fail)


def truncated(answer: Response) -> Response:
    """Returns the correct answer with the first two thirds of its body; a gzip body is truncated before packing."""
    body = bytes(answer.body)
    packed = answer.headers.get("content-encoding") == "gzip"
    whole = gzip.decompress(body) if packed else body
    part = whole[: len(whole) * 2 // 3]
    headers = {"content-encoding": "gzip"} if packed else {}
    return Response(
        gzip.compress(part) if packed else part, answer.status_code, headers, answer.headers["content-type"]
    )


def mislabelled(answer: Response) -> Response:
    """Returns the correct answer with a wrong content type."""
    answer.headers["content-type"] = "image/png"
    return answer


async def hang(request: Request, seconds: float) -> bool:
    """Waits; returns False if the client disconnected."""

    async def disconnected() -> None:
        while not await request.is_disconnected():  # noqa: ASYNC110  the protocol has no event for it
            await asyncio.sleep(0.05)

    try:
        await asyncio.wait_for(disconnected(), seconds)
    except TimeoutError:
        return True
    return False


async def break_connection(request: Request) -> Response:
    """Resets the TCP connection of the request; a later answer reaches nobody.

    Raises:
        ConnectionResetError: in the same process, without a connection to reset.
    """
    transport = getattr(getattr(request.receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("the provider broke the connection")
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await asyncio.sleep(0.01)  # the server notices in its next iteration and then drops the answer silently
    return Response()


def _plain(body: bytes, status: int, headers: dict[str, str]) -> Response:
    return Response(body, status, headers, "text/plain")


def _encoded(body: bytes, form: str, fail: Fail) -> Response:
    return Response(body, fail.status or 200, {"content-encoding": "gzip"}, MEDIA[form])


def _deep(form: str) -> bytes:
    if form == "json":
        return b'{"status":"SUCCESS","articles":' + b"[" * DEPTH + b"]" * DEPTH + b"}"
    return b"<response>" + b"<a>" * DEPTH + b"</a>" * DEPTH + b"</response>"


@lru_cache(maxsize=2)
def _packed_spaces(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    chunk = b" " * (1 << 20)
    spaces = (packer.compress(chunk[: size - start]) for start in range(0, size, len(chunk)))
    return b"".join([packer.compress(b"<response>"), *spaces, packer.flush()])
