"""A Kafka, a PostgreSQL and a Valkey for one test session.

An address in the environment has precedence; tests may empty the servers there. Otherwise a container engine that has
the images is used, or else the local stack, in a folder that is deleted afterwards.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

from clawback_common.config.settings import BrokerSettings
from clawback_common.kafka.topics import provision
from clawback_local import Stack
from clawback_local.config import claimed
from clawback_local.parts import SUBMISSIONS

KAFKA_IMAGE = "apache/kafka:4.3.1"
POSTGRES_IMAGE = "postgres:18"
VALKEY_IMAGE = "valkey/valkey:9"
STARTED_S_MAX = 60


@contextmanager
def kafka_server() -> Iterator[str]:
    """Yield the bootstrap servers of a broker with the contract's topics."""
    external = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if external:
        _make_topics(external)
        yield external
    elif _engine_has(KAFKA_IMAGE):
        with _kafka_container() as address:
            _make_topics(address)
            yield address
    else:
        with _local("topics") as env:
            yield env["KAFKA_BOOTSTRAP_SERVERS"]


@contextmanager
def postgres_server() -> Iterator[str]:
    """Yield the admin address of a PostgreSQL."""
    external = os.environ.get("POSTGRES_URL")
    if external:
        yield external
    elif _engine_has(POSTGRES_IMAGE):
        with _postgres_container() as url:
            yield url
    else:
        with _local("postgres") as env:
            yield env["POSTGRES_URL"]


@contextmanager
def valkey_server() -> Iterator[str]:
    """Yield the address of a Valkey database."""
    external = os.environ.get("REDIS_URL")
    if external:
        yield external
    elif _engine_has(VALKEY_IMAGE):
        with _valkey_container() as url:
            yield url
    else:
        with _local("valkey") as env:
            yield env["REDIS_URL"]


@contextmanager
def _local(part: str) -> Iterator[dict[str, str]]:
    with Stack(parts=(part,)) as stack:
        yield stack.env


@cache
def _engine_has(image: str) -> bool:
    """Return whether an engine is available and has the image already: a test must not wait for a download."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    found = subprocess.run([docker, "image", "inspect", image], capture_output=True, check=False, timeout=30)  # noqa: S603 - the arguments are constants
    return found.returncode == 0


@contextmanager
def _kafka_container() -> Iterator[str]:
    from testcontainers.core.waiting_utils import wait_for_logs  # noqa: PLC0415

    # The broker advertises its address to clients, so the outer port must be known before it starts.
    with claimed({"kafka": 9092}, prefer_documented=False) as ports:
        container = _container(KAFKA_IMAGE, ports["kafka"], 9092)
        settings = {
            "NODE_ID": "1",
            "PROCESS_ROLES": "broker,controller",
            "LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
            "ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{ports['kafka']}",
            "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "OFFSETS_TOPIC_NUM_PARTITIONS": "4",
            "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
            "AUTO_CREATE_TOPICS_ENABLE": "false",
        }
        for name, value in settings.items():
            container.with_env(f"KAFKA_{name}", value)
        with container:
            wait_for_logs(container, "Kafka Server started", timeout=STARTED_S_MAX)
            yield f"127.0.0.1:{ports['kafka']}"


@contextmanager
def _postgres_container() -> Iterator[str]:
    from testcontainers.core.waiting_utils import wait_for_logs  # noqa: PLC0415

    with claimed({"postgres": 5433}, prefer_documented=False) as ports:
        container = _container(POSTGRES_IMAGE, ports["postgres"], 5432)
        container.with_env("POSTGRES_PASSWORD", "test")
        with container:
            wait_for_logs(
                container,
                r"(?s)ready to accept connections.*ready to accept connections",
                timeout=STARTED_S_MAX,
            )
            yield f"postgresql://postgres:test@127.0.0.1:{ports['postgres']}/postgres"


@contextmanager
def _valkey_container() -> Iterator[str]:
    from testcontainers.core.waiting_utils import wait_for_logs  # noqa: PLC0415

    with claimed({"valkey": 6380}, prefer_documented=False) as ports:
        container = _container(VALKEY_IMAGE, ports["valkey"], 6379)
        with container:
            wait_for_logs(container, "Ready to accept connections", timeout=STARTED_S_MAX)
            yield f"redis://127.0.0.1:{ports['valkey']}/0"


def _container(image: str, outside: int, inside: int) -> Any:
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415

    return DockerContainer(image).with_bind_ports(inside, outside)


def _make_topics(address: str) -> None:
    """Create the missing topics on an existing broker, as the local stack does."""
    settings = BrokerSettings(kafka_bootstrap_servers=address)
    with ThreadPoolExecutor(1) as thread:  # does not use the session's own loop
        thread.submit(asyncio.run, provision(settings, [SUBMISSIONS])).result()
