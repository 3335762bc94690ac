"""The supervisor with small processes: order, restarts, deadlines, messages."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from clawback_local import StackError
from clawback_local import supervisor as supervising
from clawback_local.config import Paths, claimed
from clawback_local.parts import Part, resolve
from clawback_local.processes import started, until
from clawback_local.stack import SupervisorSpec
from clawback_local.supervisor import Supervisor

LISTEN = (
    "import socket, time; s = socket.create_server(('127.0.0.1', {server_port})); print('up'); time.sleep(60)"
)
PYTHON = ("{python}", "-S", "-c")
Starts = Callable[..., Awaitable[Supervisor]]


@asynccontextmanager
async def supervised(
    run: Path, *parts: Part, env: dict[str, dict[str, str]] | None = None
) -> AsyncIterator[Supervisor]:
    """A supervisor of these parts; all its processes have ended afterwards."""
    paths = Paths(run)
    paths.create()
    with claimed({"server": 8001}, prefer_documented=False) as ports:
        config = resolve(paths, ports, os.environ)
        supervisor = Supervisor(
            SupervisorSpec(str(run), env=env or {}), config, {part.name: part for part in parts}
        )
        try:
            await supervisor.ensure(None)
            yield supervisor
        finally:
            pids = [row["pid"] for row in await supervisor.status() if row["pid"]]
            await supervisor.stop_all()
            assert [pid for pid in pids if started(pid)] == []


def a_server(**more: object) -> Part:
    defaults = {"argv": (*PYTHON, LISTEN), "ports": {"server": 8001}, "ready": "listens", "stop_s": 5}
    return Part("server", **{**defaults, **more})  # type: ignore[arg-type]


async def row(supervisor: Supervisor, name: str) -> dict[str, object]:
    return next(row for row in await supervisor.status() if row["part"] == name)


async def test_a_part_waits_for_its_dependencies(tmp_path: Path) -> None:
    note = "import sys, time; open('{run}/order', 'a').write(sys.argv[1])"
    first = Part("first", argv=(*PYTHON, "import time; time.sleep(0.3); " + note, "1"))
    second = Part("second", argv=(*PYTHON, note, "2"), needs=("first",))
    async with supervised(tmp_path, first, second) as supervisor:
        await supervisor.wait(None)
        assert (tmp_path / "order").read_text() == "12"


async def test_a_part_that_dies_is_restarted_and_counted(tmp_path: Path) -> None:
    async with supervised(tmp_path, a_server()) as supervisor:
        await supervisor.wait(None)
        before = (await row(supervisor, "server"))["pid"]
        await supervisor.runner("server").kill()
        await supervisor.wait(None)
        after = await row(supervisor, "server")
        assert after["pid"] != before
        assert after["restarts"] == 1


async def test_a_stopped_part_stays_stopped_until_it_is_started(tmp_path: Path) -> None:
    async with supervised(tmp_path, a_server()) as supervisor:
        await supervisor.wait(None)
        await supervisor.runner("server").stop()
        assert (await row(supervisor, "server"))["state"] == "stopped"
        assert (await row(supervisor, "server"))["restarts"] == 0
        await supervisor.start("server")
        assert (await row(supervisor, "server"))["state"] == "ready"


async def test_a_process_that_ignores_its_signal_is_killed_after_its_time(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + LISTEN
    async with supervised(tmp_path, a_server(argv=(*PYTHON, deaf), stop_s=0.3)) as supervisor:
        await supervisor.wait(None)
        await supervisor.runner("server").stop()
        assert (await row(supervisor, "server"))["pid"] is None


async def test_a_part_that_never_becomes_ready_is_reported_with_its_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "ATTEMPTS_MAX", 1)
    idle = a_server(
        argv=(*PYTHON, "import time; print('I am idle', flush=True); time.sleep(60)"), deadline_s=0.3
    )
    async with supervised(tmp_path, idle) as supervisor:
        with pytest.raises(StackError, match=r"server failed: not ready within 0\.3 s(?s:.*)I am idle"):
            await supervisor.wait(None)


async def test_a_port_that_answers_without_being_ready_does_not_count(tmp_path: Path) -> None:
    busy = (
        "import http.server as h\n"
        "class S(h.BaseHTTPRequestHandler):\n"
        "  n = 0\n"
        "  def do_GET(self):\n"
        "    S.n += 1; open('{run}/asked', 'w').write(str(S.n))\n"
        "    self.send_response(503 if S.n < 4 else 200); self.end_headers()\n"
        "h.HTTPServer(('127.0.0.1', {server_port}), S).serve_forever()"
    )
    argv = ("{python}", "-c", busy)
    async with supervised(tmp_path, a_server(argv=argv, ready="answers")) as supervisor:
        await supervisor.wait(None)
        assert int((tmp_path / "asked").read_text()) >= 4


async def test_a_one_shot_that_fails_is_retried_and_then_reported_with_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "ATTEMPTS_MAX", 3)
    broken = Part("broken", argv=(*PYTHON, "print('column missing'); raise SystemExit(1)"))
    after = Part("after", argv=(*PYTHON, "pass"), needs=("broken",))
    async with supervised(tmp_path, broken, after) as supervisor:
        with pytest.raises(
            StackError, match=r"broken failed: ended with exit code 1; 3 attempts(?s:.*)column missing"
        ):
            await asyncio.wait_for(supervisor.wait(("after",)), 10)


async def test_an_exit_code_that_needs_attention_is_not_retried(tmp_path: Path) -> None:
    refuses = a_server(argv=(*PYTHON, "print('topic differs'); raise SystemExit(2)"))
    async with supervised(tmp_path, refuses) as supervisor:
        with pytest.raises(StackError, match=r"exit code 2(?s:.*)topic differs"):
            await supervisor.wait(None)
        assert (await row(supervisor, "server"))["restarts"] == 0


async def test_wiping_deletes_the_data_and_repeats_the_one_shots(tmp_path: Path) -> None:
    fill = Part(
        "fill",
        argv=(*PYTHON, "import os; os.mkdir('{run}/data'); open('{run}/data/x', 'a').write('x')"),
        needs=("server",),
    )
    async with supervised(tmp_path, a_server(data="data"), fill) as supervisor:
        await supervisor.wait(None)
        await supervisor.wipe("server")
        assert (tmp_path / "data/x").read_text() == "x"


async def test_extra_variables_reach_the_part_they_are_meant_for(tmp_path: Path) -> None:
    show = "import os; open('{run}/' + os.environ['NAME'], 'w').write(os.environ.get('SEED', '-') + os.environ['ALL'])"
    one = Part("one", argv=(*PYTHON, show), env={"NAME": "one"})
    two = Part("two", argv=(*PYTHON, show), env={"NAME": "two"})
    async with supervised(tmp_path, one, two, env={"*": {"ALL": "+"}, "two": {"SEED": "7"}}) as supervisor:
        await supervisor.wait(None)
    assert [(tmp_path / name).read_text() for name in ("one", "two")] == ["-+", "7+"]


async def test_an_unknown_part_is_an_error_that_lists_the_parts(tmp_path: Path) -> None:
    async with supervised(tmp_path, a_server()) as supervisor:
        with pytest.raises(StackError, match=r"no such part: kafak\. Parts: server"):
            await supervisor.ensure(("kafak",))


async def test_waiting_for_a_condition_ends_with_its_deadline() -> None:
    async def never() -> bool:
        return False

    assert await until(never, deadline_s=0.12) is False
