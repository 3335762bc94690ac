"""Other teams' Kafka clients with their default settings: each reads a topic from its beginning."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from confluent_kafka import Consumer

from clawback_local import kafka

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "clients"
"""What is downloaded and built once."""
READ_S_MAX = 40
BUILD_S_MAX = 400
_FIELD, _HEADER = "\x1f", "\x1e"


class Record(NamedTuple):
    """One record as a client has read it."""

    key: str
    headers: Mapping[str, bytes]
    value: bytes


class NotRead(Exception):
    """The client failed; the message is its own."""


class NoSuchProgram(Exception):
    """This machine does not have the language."""


def install_kafkajs() -> Path:
    """The folder that has kafkajs in the locked version; downloaded when it is not there.

    Raises:
        NoSuchProgram: there is no Node.js.
        NotRead: npm failed.
    """
    npm = _program("npm")
    lock = HERE / "node" / "package-lock.json"
    folder = CACHE / f"node-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if not (folder / "node_modules" / "kafkajs").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        for file in (lock, lock.with_name("package.json")):
            shutil.copy(file, folder)
        install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
        _run(install, folder, BUILD_S_MAX)
    return folder


def kafkajs(bootstrap: str, topic: str, count: int) -> list[Record]:
    """The client of most Node.js programs.

    Raises:
        NoSuchProgram: there is no Node.js.
        NotRead: the client could not be installed, or failed.
    """
    folder = install_kafkajs()
    shutil.copy(HERE / "node" / "read.mjs", folder)
    return list(_json_lines(_run([_program("node"), "read.mjs", bootstrap, topic, str(count)], folder)))


def franz_go(bootstrap: str, topic: str, count: int) -> list[Record]:
    """The client of most new Go programs.

    Raises:
        NoSuchProgram: there is no Go.
        NotRead: the client could not be built, or failed.
    """
    program = CACHE / "franz-go"
    build = [_program("go"), "build", "-mod=readonly", "-o", str(program), "."]
    _run(build, HERE / "go", BUILD_S_MAX)
    return list(_json_lines(_run([str(program), bootstrap, topic, str(count)], HERE)))


def java_client(bootstrap: str, topic: str, count: int) -> list[Record]:
    """Kafka's own client, as its console consumer uses it; the broker's jars contain it.

    Raises:
        NotRead: the client failed.
    """
    command = [
        *(kafka.java(), "-cp", f"{kafka.jars()}/*", "org.apache.kafka.tools.consumer.ConsoleConsumer"),
        *("--bootstrap-server", bootstrap, "--topic", topic, "--from-beginning"),
        *("--max-messages", str(count), "--timeout-ms", str(READ_S_MAX * 500)),
    ]
    options = {"print.key": "true", "print.headers": "true"}
    for name, value in (options | {"key.separator": _FIELD, "headers.separator": _HEADER}).items():
        command += ["--formatter-property", f"{name}={value}"]
    return [_printed(line) for line in _run(command, HERE).splitlines()]


def librdkafka(bootstrap: str, topic: str, count: int) -> list[Record]:
    """The client under Python's confluent-kafka and under most programs in .NET, PHP, Ruby and Rust.

    Raises:
        NotRead: the client failed.
    """
    group = f"librdkafka-{uuid4()}"
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    try:
        read = consumer.consume(count, timeout=READ_S_MAX)
    finally:
        consumer.close()
    records = []
    for message in read:
        if error := message.error():
            raise NotRead(str(error))
        headers = {
            name: value for name, value in dict(message.headers() or ()).items() if isinstance(value, bytes)
        }
        records.append(Record(bytes(message.key() or b"").decode(), headers, bytes(message.value() or b"")))
    return records


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise NoSuchProgram(f"there is no {name} here")
    return found


def _run(command: Sequence[str], folder: Path, seconds: float = READ_S_MAX) -> bytes:
    """What the program prints."""
    environment = {**os.environ, "GOFLAGS": "", "GOTOOLCHAIN": "local"}
    try:
        ran = subprocess.run(  # noqa: S603 - the arguments are ours
            command, cwd=folder, env=environment, capture_output=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        raise NotRead(f"nothing more after {seconds} s: {(error.stderr or b'').decode()[-500:]}") from None
    if ran.returncode != 0:
        raise NotRead(ran.stderr.decode()[-500:])
    return ran.stdout


def _json_lines(printed: bytes) -> Iterator[Record]:
    for line in printed.splitlines():
        one = json.loads(line)
        headers = {name: base64.b64decode(value) for name, value in one["headers"].items()}
        yield Record(one["key"], headers, base64.b64decode(one["value"]))


def _printed(line: bytes) -> Record:
    headers, key, value = line.split(_FIELD.encode(), 2)
    pairs = (header.partition(b":") for header in headers.split(_HEADER.encode()))
    return Record(key.decode(), {name.decode(): text for name, _, text in pairs}, value)
