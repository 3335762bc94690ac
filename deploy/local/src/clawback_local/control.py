"""The protocol of a supervisor: one JSON line in, JSON lines out, over a unix socket in the run folder.

The last line has `ok` (true, or false with `error`); the lines before it are events of parts.
"""

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from clawback_local.errors import StackError
from clawback_local.places import Places

if TYPE_CHECKING:
    from clawback_local.supervisor import Supervisor

NAME = "control.sock"
Event = dict[str, Any]


@contextmanager
def _short_path(places: Places) -> Iterator[str]:
    """Yields a path to the socket through a descriptor of its folder: socket paths have at most 107 characters."""
    folder = os.open(places.run, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{NAME}"
    finally:
        os.close(folder)


@asynccontextmanager
async def serve(supervisor: "Supervisor", places: Places) -> AsyncIterator[None]:
    """Listens for the duration of the block."""
    (places.run / NAME).unlink(missing_ok=True)

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await _answer(supervisor, reader, writer)
        writer.close()

    with _short_path(places) as path:
        server = await asyncio.start_unix_server(one, path)
    try:
        yield
    finally:
        server.close()
        (places.run / NAME).unlink(missing_ok=True)


async def _answer(
    supervisor: "Supervisor", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    request = json.loads(await reader.readline())
    events = supervisor.watch()
    work = asyncio.create_task(_obey(supervisor, request))
    gone = asyncio.create_task(reader.read())
    try:
        while not work.done():
            news = asyncio.create_task(events.get())
            await asyncio.wait({work, gone, news}, return_when=asyncio.FIRST_COMPLETED)
            if news.done():
                writer.write(json.dumps(news.result()).encode() + b"\n")
            else:
                news.cancel()
            if gone.done() and not work.done():
                return
        while not events.empty():
            writer.write(json.dumps(events.get_nowait()).encode() + b"\n")
        writer.write(json.dumps(_outcome(work)).encode() + b"\n")
        await writer.drain()
    finally:
        supervisor.unwatch(events)
        gone.cancel()
        if request.get("op") == "wait":
            work.cancel()


def _outcome(work: asyncio.Task[Any]) -> Event:
    error = work.exception()
    if error is None:
        return {"ok": True, "result": work.result()}
    text = str(error) if isinstance(error, StackError) else f"{type(error).__name__}: {error}"
    return {"ok": False, "error": text}


async def _obey(supervisor: "Supervisor", request: Event) -> Any:
    names = tuple(request["parts"]) if request.get("parts") else None
    match request["op"]:
        case "status":
            return supervisor.status()
        case "environment":
            return supervisor.environment(request["part"])
        case "given":
            return supervisor.given()
        case "ensure":
            await supervisor.ensure(names)
        case "wait":
            await supervisor.wait(names)
        case "stop" | "start" | "kill" | "wipe" as verb:
            await getattr(supervisor, verb)(request["part"])
        case "down":
            supervisor.ending.set()
        case unknown:
            raise StackError(f"unknown operation {unknown}")
    return None


def ask(
    places: Places, request: Event, *, timeout_s: float, on_event: Callable[[Event], None] | None = None
) -> Any:
    """Sends a request to the supervisor of a run folder.

    Returns:
        The result.

    Raises:
        StackError: the request failed, or no supervisor is running.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            with _short_path(places) as path:
                connection.connect(path)
        except OSError:
            raise StackError(f"no stack is running in {places.run}") from None
        end = time.monotonic() + timeout_s
        try:
            connection.sendall(json.dumps(request).encode() + b"\n")
            for line in connection.makefile("rb"):
                connection.settimeout(max(0.01, end - time.monotonic()))
                event = json.loads(line)
                if "ok" not in event:
                    if on_event is not None:
                        on_event(event)
                elif event["ok"]:
                    return event["result"]
                else:
                    raise StackError(event["error"])
        except TimeoutError:
            raise StackError(
                f"the supervisor did not finish {request['op']} within {timeout_s:.0f} s"
            ) from None
        except (
            ConnectionError
        ):  # it stopped during the request; a closed socket reports that in different ways
            pass
    raise StackError("the supervisor stopped before it answered")


def runs(places: Places) -> bool:
    """Whether a supervisor answers in this run folder."""
    try:
        ask(places, {"op": "status"}, timeout_s=5)
    except StackError:
        return False
    return True
