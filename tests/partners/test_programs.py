"""The partners' programs in each language, and the documents' commands, on a real stack that requires keys."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from clawback_contracts.envelope import event_id
from clawback_contracts.holder.answers import receipt_id
from clawback_local import Stack
from clawback_local.config import ROOT
from clawback_local.stack import ANY_PART
from clawback_story.world import OWN_SERVERS
from clawback_testing.examples import FOLDER
from clawback_testing.keys import write_signing_key
from clawback_testing.waiting import until
from tests.clients.clients import NoSuchProgram, install_kafkajs
from tests.docs.commands import Command, Here, commands

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]
PROGRAMS = FOLDER / "partners"
FIRST_VERIFIED_S_MAX = 60.0
RUN_S_MAX = 90.0
ENDLESS_S = 3.0
WRITTEN = [command for command in commands() if isinstance(command.where, Here)]
PIP = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
"""Without a package index; the build tools are installed."""
QUICK = {"METABASE_PAUSE_S": "0.05"}
ENV = {ANY_PART: {"ENABLE_AUTH": "true"}, "ingester-worker": QUICK, "ingester-api": QUICK}


@dataclass(frozen=True)
class Programs:
    """The programs in one language."""

    language: str
    interpreter: str
    suffix: str
    folder: Path

    def command(self, name: str, *words: str) -> list[str]:
        """Returns the command that runs a program."""
        return [self.interpreter, str(self.folder / f"{name}{self.suffix}"), *words]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The complete local stack with authentication enabled."""
    with pytest.MonkeyPatch.context() as patch:
        for name in OWN_SERVERS:
            patch.delenv(name, raising=False)
        with Stack(env=ENV) as running:
            yield running


@pytest.fixture(scope="module")
def kept(stack: Stack) -> Iterator[ExitStack]:
    """Holders that run until the end: an order closes when all of them have sent their receipts."""
    assert stack.env
    with ExitStack() as running:
        yield running


@pytest.fixture(scope="module", params=["node", "python"])
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """The programs as a partner installs them: in a separate folder, with kafkajs."""
    if request.param == "python":
        return Programs("python", sys.executable, ".py", PROGRAMS)
    folder = tmp_path_factory.mktemp("node")
    try:
        installed = install_kafkajs()
    except NoSuchProgram as error:
        pytest.skip(str(error))
    for program in PROGRAMS.glob("*.mjs"):
        shutil.copy(program, folder)
    (folder / "node_modules").symlink_to(installed / "node_modules")
    return Programs("node", shutil.which("node") or "node", ".mjs", folder)


def key(stack: Stack, role: str) -> str:
    return (stack.paths.keys / f"{role}.key").read_text().strip()


def environment(stack: Stack, **more: str) -> dict[str, str]:
    names = ("KAFKA_BOOTSTRAP_SERVERS", "INGESTER_URL", "COMPLIANCE_URL")
    return {**os.environ, **{name: stack.env[name] for name in names}, **more}


def upstream(stack: Stack) -> dict[str, str]:
    pem = str(stack.paths.keys / "upstream.pem")
    return environment(stack, UPSTREAM="upstream", API_KEY=key(stack, "upstream"), SIGNING_KEY_FILE=pem)


def run(command: list[str], env: Mapping[str, str], stdin: str = "") -> dict[str, Any]:
    """Runs a program, which must succeed; returns its output."""
    done = subprocess.run(  # noqa: S603 - our own programs
        command, env=env, input=stdin, capture_output=True, text=True, timeout=RUN_S_MAX, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def article(article_id: str) -> str:
    written = {"article_id": article_id, "published_at": "2026-11-27T09:00:00Z", "title": "Harbour"}
    return json.dumps({**written, "source": {"key": "feed:1287"}, "source_order": 1})


@dataclass(frozen=True)
class Holder:
    """A running holder."""

    name: str
    url: str
    folder: Path

    def state(self, article_id: str) -> str | None:
        """Returns what its holdings endpoint states about an article; None before it listens."""
        try:
            response = httpx.post(self.url, json={"article_ids": [article_id]}, timeout=5)
        except httpx.TransportError:
            return None
        return str(response.json()["items"][article_id])

    def files(self) -> list[Path]:
        """Returns the files in its store: one per article, or none if it stores them in SQLite."""
        return [path for path in (self.folder / "store").glob("*") if path.is_file()]


def takedown(stack: Stack, article_id: str) -> dict[str, Any]:
    """Returns the takedown of an article."""
    url = f"{stack.env['COMPLIANCE_URL']}/api/v1/compliance/takedowns/{article_id}"
    found: dict[str, Any] = httpx.get(url, headers={"x-api-key": key(stack, "reader")}, timeout=10).json()
    return found


def owed(stack: Stack, article_id: str, one: Holder) -> str | None:
    """Returns the state of a holder's obligation; None before there is an order."""
    obligations = takedown(stack, article_id).get("obligations", ())
    return next((each["state"] for each in obligations if each["holder"] == one.name), None)


@contextmanager
def holder(stack: Stack, programs: Programs, folder: Path) -> Iterator[Holder]:
    """Runs the holder, which registers with an operator's key and signs with its own key."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pem, name = folder / "holder.pem", f"{programs.language}-holder"
    write_signing_key(pem)
    env = environment(
        stack,
        HOLDER=name,
        GROUP=f"{name}-reader",
        STORE=str(folder / "store"),
        DATABASE=str(folder / "store.sqlite"),
        HOLDINGS_PORT=str(port),
        OPERATOR_KEY=key(stack, "operator"),
        SIGNING_KEY_FILE=str(pem),
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(programs.command("holder"), env=env, stdout=log, stderr=log)  # noqa: S603 - ours
        try:
            yield Holder(name, f"http://127.0.0.1:{port}/holdings", folder)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0, (folder / "log").read_text()
        finally:
            process.kill()
            process.wait()


async def test_a_holder_reaches_its_first_verified_obligation_within_a_minute(
    stack: Stack, programs: Programs, kept: ExitStack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """From its start: it registers, stores an article of an upstream system, and its removal is verified."""
    article_id = f"upstream:{programs.language}-{secrets.token_hex(4)}"
    began = time.monotonic()
    one = kept.enter_context(holder(stack, programs, tmp_path_factory.mktemp("holder")))
    submitted = run(programs.command("upstream_kafka", "submit"), upstream(stack), article(article_id))
    assert submitted["state"] == "published"
    assert submitted["event_id"] == str(event_id("submitted", article_id, 1))
    await until(lambda: one.state(article_id) == "held", what="held", deadline_s=FIRST_VERIFIED_S_MAX)
    noticed = run(programs.command("upstream_kafka", "revoke", article_id), upstream(stack))
    assert noticed["notice_id"] == str(event_id("noticed", "upstream", article_id))
    await until(lambda: owed(stack, article_id, one) == "verified", what="verified", deadline_s=60)
    took_s = time.monotonic() - began
    assert took_s < FIRST_VERIFIED_S_MAX
    assert one.state(article_id) == "gone"
    found = takedown(stack, article_id)
    receipts = [each for each in found["receipts"] if each["holder"] == one.name]
    assert all(each["authenticated"] for each in receipts)
    ids = {str(receipt_id(article_id, found["order"], one.name, each["attempt"])) for each in receipts}
    assert {each["receipt_id"] for each in receipts} == ids != set()
    assert [path for path in one.files() if b"Harbour" in path.read_bytes()] == []
    sys.stdout.write(f"{programs.language}: the first verified obligation after {took_s:.1f} s\n")


def test_an_upstream_system_submits_over_http_and_gets_the_status(stack: Stack, programs: Programs) -> None:
    article_id = f"upstream:http-{programs.language}"
    first = run(programs.command("upstream_http"), upstream(stack), article(article_id))
    assert (first["state"], first["article_id"]) == ("published", article_id)
    assert run(programs.command("upstream_http"), upstream(stack), article(article_id)) == first


def test_a_provider_pushes_by_webhook_and_its_retry_is_recognized(stack: Stack, programs: Programs) -> None:
    article_id = f"partner:{programs.language}"
    secret = yaml.safe_load((stack.paths.keys / "webhook_secrets.yaml").read_text())["partner"][0]
    env = environment(stack, PROVIDER="partner", WEBHOOK_SECRET=secret)
    first = run(programs.command("upstream_webhook"), env, article(article_id))
    assert first["accepted"] == [article_id]
    assert first["event_ids"] == [f"{event_id('submitted', article_id, 1)}/0"]
    assert run(programs.command("upstream_webhook"), env, article(article_id)) == first


def test_a_licensor_revokes_and_its_takedowns_are_closed(stack: Stack, programs: Programs) -> None:
    ids = [f"metabase:{programs.language}-{number}" for number in range(2)]
    env = environment(stack, LICENSOR="licensor", API_KEY=key(stack, "licensor"))
    takedowns = run(programs.command("licensor", *ids), env)
    assert sorted(one["article_id"] for one in takedowns["items"]) == ids
    assert all(one["closed_at"] for one in takedowns["items"])
    assert run(programs.command("licensor", *ids), env) == takedowns


def test_a_key_of_another_licensor_is_refused_with_a_message(stack: Stack, programs: Programs) -> None:
    """A licensor's key is limited to its own providers: the program fails with the message of the response."""
    env = environment(stack, LICENSOR="licensor", API_KEY=key(stack, "licensor"))
    command = programs.command("licensor", "upstream:somebody-else")
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=RUN_S_MAX, check=False)  # noqa: S603 - ours
    assert done.returncode != 0
    assert "403" in done.stderr


@pytest.fixture(scope="module")
def clone(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the clone in which `.run` is this stack's folder."""
    folder = tmp_path_factory.mktemp("clone")
    for entry in ROOT.iterdir():
        if entry.name != ".run":
            (folder / entry.name).symlink_to(entry)
    (folder / ".run").symlink_to(stack.run_dir)
    return folder


def written_environment(stack: Stack, where: Here, folder: Path) -> dict[str, str]:
    """Returns a shell's environment with the virtual environment on its path, and the settings of the service."""
    own = stack.environment(f"{where.service}-worker") if where.service else dict(os.environ)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**own, **PIP, "PATH": path, "PIP_TARGET": str(folder), "CLAWBACK_RUN_DIR": str(stack.run_dir)}


@pytest.mark.parametrize("command", WRITTEN, ids=lambda one: f"{one.document}: {one.text.splitlines()[-1]}")
def test_every_command_of_the_documents_runs_as_written(
    stack: Stack, clone: Path, tmp_path: Path, command: Command
) -> None:
    where = command.where
    assert isinstance(where, Here)
    process = subprocess.Popen(  # noqa: S603 - the documents are ours
        ["bash", "-euo", "pipefail", "-c", where.instead or command.text],  # noqa: S607 - as a user runs it
        cwd=clone,
        env=written_environment(stack, where, tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=ENDLESS_S if where.endless else RUN_S_MAX)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
        assert where.endless, output
    else:
        assert not where.endless, output
        assert process.returncode in where.codes, output
