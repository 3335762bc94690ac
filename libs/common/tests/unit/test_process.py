"""A process as an operator sees it: signals, exit codes, messages."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing

import orjson
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import override

from clawback_common.errors import Stop, Transient
from clawback_common.service.process import ShutdownEvent, loop_forever, serve
from clawback_common.telemetry.metrics import REGISTRY
from clawback_testing.waiting import until

from .conftest import Logged

CLIENTS_KEEP_S = 5
"""The default of httpx, and of the server beneath ours."""
HEAD = """
import asyncio, sys
from pydantic import Field
from clawback_common.errors import *
from clawback_common.service.process import *
from clawback_common.config.settings import CommonSettings

SECRET = "the text of somebody else"
class Settings(CommonSettings):
    pause_s: float = Field(20, gt=0)
    names: tuple[str, ...] = ()
def ready(): print("ready", flush=True)
"""
TAIL = """
settings = load_or_exit(Settings)
sys.exit(run(main, service="test", settings=settings))
"""


def _start(body: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-c", HEAD + body + TAIL],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name.startswith("COVERAGE")} | environment,
    )


def _play(body: str, *signals: signal.Signals, **environment: str) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr; the signals are sent when the process prints that it is ready."""
    with _start(body, **environment) as process:
        output = ""
        for number in signals:
            assert process.stdout is not None
            output += process.stdout.readline()
            process.send_signal(number)
        out, err = process.communicate(timeout=60)
    return process.returncode, output + out, err


@pytest.mark.parametrize(("returned", "code"), [("None", 0), ("0", 0), ("3", 3)])
def test_what_main_returns_is_the_exit_code(returned: str, code: int) -> None:
    assert _play(f"async def main(stopping): return {returned}")[0] == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_process_finish_its_current_work(number: signal.Signals) -> None:
    body = """
async def main(stopping):
    ready()
    await stopping.wait()
    await asyncio.sleep(0.1)
    print("finished")
"""
    code, out, _ = _play(body, number)
    assert (code, out) == (0, "ready\nfinished\n")


def test_the_second_signal_ends_the_process_at_once() -> None:
    body = """
async def main(stopping):
    ready()
    await stopping.wait()
    ready()
    await asyncio.sleep(60)
"""
    assert _play(body, signal.SIGTERM, signal.SIGTERM)[0] == 128 + signal.SIGTERM


def test_a_stop_is_printed_and_exits_with_2() -> None:
    code, _, err = _play('async def main(stopping): raise Stop("the topic differs: run migrate")')
    assert code == 2
    assert err.splitlines()[-1] == "the topic differs: run migrate"


def test_a_stop_in_a_task_group_is_printed() -> None:
    body = """
async def refuse(): raise Stop("the topic differs: run migrate")
async def main(stopping):
    async with asyncio.TaskGroup() as outer:
        outer.create_task(refuse())
        outer.create_task(asyncio.sleep(60))
"""
    code, _, err = _play(body)
    assert code == 2
    assert err.splitlines()[-1] == "the topic differs: run migrate"


def test_an_unexpected_error_is_logged_without_its_message_and_exits_with_1() -> None:
    code, _, err = _play("async def main(stopping): raise ValueError(SECRET)")
    line = orjson.loads(err)
    assert code == 1
    assert (line["event"], line["error"]) == ("failed unexpectedly", "ValueError")
    assert "the text of somebody else" not in err


def test_an_unavailable_dependency_exits_with_1_for_a_retry() -> None:
    code, _, err = _play('async def main(stopping): raise Transient("the database is away")')
    assert code == 1
    assert "the database is away" in err


def test_invalid_settings_are_reported_without_their_values() -> None:
    body = "async def main(stopping): ..."
    code, _, err = _play(body, PAUSE_S="hunter2", ENVIRONMENT="development", LOG_FORMAT="json")
    assert code == 2
    assert err == "PAUSE_S: Input should be a valid number, unable to parse string as a number\n"


def test_a_list_that_is_not_json_is_reported_without_its_value() -> None:
    code, _, err = _play("async def main(stopping): ...", NAMES="hunter2")
    assert code == 2
    assert '"names"' in err
    assert "the value must be JSON" in err
    assert "hunter2" not in err


def test_contradictory_settings_are_reported_with_their_own_message() -> None:
    code, _, err = _play("async def main(stopping): ...", ENVIRONMENT="production")
    assert code == 2
    assert err.startswith("ENVIRONMENT=production needs ENABLE_AUTH=true")


def test_a_task_that_nobody_awaited_is_logged_without_its_message() -> None:
    body = """
async def boom(): raise ValueError(SECRET)
async def main(stopping):
    task = asyncio.create_task(boom())
    await asyncio.sleep(0.01)
    del task
"""
    code, _, err = _play(body)
    assert code == 0
    assert orjson.loads(err)["error"] == "ValueError"
    assert "the text of somebody else" not in err


SERVING = """
import httpx
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from contextlib import asynccontextmanager
from clawback_common.http.probes import Probes

entered = asyncio.Event()
async def slow(_):
    entered.set()
    await asyncio.sleep(0.3)
    print("done", flush=True)
    return PlainTextResponse("served")
@asynccontextmanager
async def lifespan(_):
    print("up", flush=True)
    yield
    print("down", flush=True)
"""


def test_a_server_finishes_open_requests_before_it_ends() -> None:
    body = (
        SERVING
        + """
async def main(stopping):
    app, probes = Starlette(routes=[Route("/slow", slow)], lifespan=lifespan), Probes()
    port = _free()
    serving = asyncio.create_task(serve(app, "127.0.0.1", port, stopping, probes=probes, drain_s=0.05))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        await asyncio.sleep(0.1)
        asking = asyncio.create_task(client.get("/slow"))
        await entered.wait()
        stopping.set()
        await asyncio.gather(asking, serving)
        print(asking.result().text, probes.draining)

def _free():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
"""
    )
    code, out, _ = _play(body)
    assert (code, out) == (0, "up\ndone\ndown\nserved True\n")


async def test_a_connection_outlives_the_idle_timeout_of_clients(unused_tcp_port: int) -> None:
    stopping = ShutdownEvent()
    app = Starlette(routes=[Route("/", lambda _: Response(status_code=204))])
    serving = asyncio.create_task(serve(app, "127.0.0.1", unused_tcp_port, stopping))
    with closing(socket.socket()) as probe:
        await until(lambda: probe.connect_ex(("127.0.0.1", unused_tcp_port)) == 0, what="a listener")
    reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
    writer.write(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    assert b"204" in await reader.readuntil(b"\r\n\r\n")
    with pytest.raises(TimeoutError):  # a closed connection would return
        await asyncio.wait_for(reader.read(), CLIENTS_KEEP_S + 1)
    writer.close()
    stopping.set()
    await serving


def test_a_server_leaves_signals_to_the_process() -> None:
    body = (
        SERVING
        + """
async def main(stopping):
    serving = asyncio.create_task(serve(Starlette(), "127.0.0.1", 0, stopping))
    await asyncio.sleep(0.2)
    ready()
    await serving
    print("finished")
"""
    )
    code, out, _ = _play(body, signal.SIGTERM)
    assert (code, out) == (0, "ready\nfinished\n")


def test_a_port_in_use_is_reported() -> None:
    body = (
        SERVING
        + """
import socket
async def main(stopping):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        await serve(Starlette(), "127.0.0.1", taken.getsockname()[1], stopping)
"""
    )
    code, _, err = _play(body)
    assert code == 2
    assert err.splitlines()[-1].endswith("EADDRINUSE")


def test_a_stop_in_the_lifespan_reaches_the_process() -> None:
    body = (
        SERVING
        + """
@asynccontextmanager
async def refusing(_):
    raise Stop("the database is behind: run migrate")
    yield
async def main(stopping):
    await serve(Starlette(lifespan=refusing), "127.0.0.1", 0, stopping)
"""
    )
    code, _, err = _play(body)
    assert code == 2
    assert err.splitlines()[-1] == "the database is behind: run migrate"


def test_a_worker_imports_no_web_framework() -> None:
    body = """
import clawback_common.service.process, clawback_common.service.jobs, clawback_common.http.probe_app
assert not {"fastapi", "opentelemetry.exporter", "uvicorn", "yaml"} & set(sys.modules)
async def main(stopping): ...
"""
    assert _play(body)[0] == 0


class Rounds:
    """Ends the loop after a number of rounds; each runs the next action."""

    def __init__(self, stopping: ShutdownEvent, *actions: Callable[[], object]) -> None:
        self._actions = list(actions)
        self._stopping = stopping
        self.done = 0

    async def __call__(self) -> None:
        """Run one round."""
        self.done += 1
        action = self._actions.pop(0)
        if not self._actions:
            self._stopping.set()
        action()


def _raise(error: Exception) -> Callable[[], object]:
    def action() -> None:
        raise error

    return action


async def test_a_failed_round_is_counted_and_the_loop_continues(logged: Logged) -> None:
    stopping = ShutdownEvent()
    rounds = Rounds(stopping, _raise(ValueError("x")), _raise(Transient("away")), lambda: None)
    await loop_forever("counted", 0.001, rounds, stopping)
    assert rounds.done == 3
    assert [line["failures"] for line in logged() if line["event"] == "periodic task failed"] == [1, 2]
    assert REGISTRY.get_sample_value("loop_failures_total", {"loop": "counted"}) == 2
    assert REGISTRY.get_sample_value("loop_last_success_seconds", {"loop": "counted"})


async def test_a_stop_ends_the_loop() -> None:
    stopping = ShutdownEvent()
    with pytest.raises(Stop):
        await loop_forever("ended", 0.001, Rounds(stopping, _raise(Stop("look")), lambda: None), stopping)


async def test_failures_wait_longer_each_time() -> None:
    class RecordedWaits(ShutdownEvent):
        waits: list[float]

        @override
        async def sleep(self, seconds: float) -> bool:
            self.waits.append(seconds)
            return False

    stopping = RecordedWaits()
    stopping.waits = []
    failing = [_raise(ValueError())] * 4
    await loop_forever("slower", 1, Rounds(stopping, *failing, lambda: None), stopping, backoff_s_max=10)
    assert stopping.waits == [2, 4, 8, 10, 1]


async def test_a_wait_ends_at_shutdown() -> None:
    stopping = ShutdownEvent()
    assert not await stopping.sleep(0.001)
    asyncio.get_running_loop().call_later(0.01, stopping.set)
    async with asyncio.timeout(5):
        assert await stopping.sleep(60)
