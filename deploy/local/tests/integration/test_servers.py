"""Kafka and PostgreSQL start, and survive what the resilience tests do to them."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from clawback_local import Stack, postgres
from clawback_local.config import CACHE, DATABASES, claimed
from clawback_local.processes import NOBODY, tied

pytestmark = pytest.mark.integration

TOPIC, PARTITIONS = "compliance-runs.v1", 3


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """One stack for the module; the servers of the environment are not used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
        patch.delenv("POSTGRES_URL", raising=False)
        with Stack(parts=("postgres", "topics")) as running:
            yield running


async def send(stack: Stack, value: bytes) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=stack.env["KAFKA_BOOTSTRAP_SERVERS"], acks="all"
    ) as producer:
        await producer.send_and_wait(TOPIC, value)


async def stored(stack: Stack) -> list[bytes]:
    """Returns all values on the topic."""
    async with AIOKafkaConsumer(bootstrap_servers=stack.env["KAFKA_BOOTSTRAP_SERVERS"]) as consumer:
        partitions = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(partitions)
        values = []
        while any([await consumer.position(place) < ends[place] for place in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                values += [record.value for record in records]
        return values


async def topics(stack: Stack) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.env["KAFKA_BOOTSTRAP_SERVERS"])
    await admin.start()
    try:
        return list(await admin.list_topics())
    finally:
        await admin.close()


async def test_records_acknowledged_by_kafka_survive_a_stop_and_a_kill(stack: Stack) -> None:
    await send(stack, b"before the stop")
    await asyncio.to_thread(stack.stop, "kafka")
    await asyncio.to_thread(stack.start, "kafka")
    await send(stack, b"before the kill")
    await asyncio.to_thread(stack.kill, "kafka")
    await asyncio.to_thread(stack.wait_ready, "kafka")
    assert {b"before the stop", b"before the kill"} <= set(await stored(stack))


async def test_a_wiped_kafka_has_its_topics_again_without_records(stack: Stack) -> None:
    await send(stack, b"soon gone")
    await asyncio.to_thread(stack.wipe, "kafka")
    assert TOPIC in await topics(stack)
    assert await stored(stack) == []


async def test_transactions_committed_by_postgresql_survive_a_kill(stack: Stack) -> None:
    connection = await asyncpg.connect(stack.env["INGESTER_DATABASE_URL"])
    await connection.execute("CREATE TABLE promise AS SELECT 'kept' AS word")
    await asyncio.to_thread(stack.kill, "postgres")
    await asyncio.to_thread(stack.wait_ready, "postgres")
    connection.terminate()
    connection = await asyncpg.connect(stack.env["INGESTER_DATABASE_URL"])
    assert await connection.fetchval("SELECT word FROM promise") == "kept"
    await connection.close()


async def test_a_services_role_can_connect_to_no_other_database(stack: Stack) -> None:
    own = stack.env["INGESTER_DATABASE_URL"]
    for other in ("compliance", "postgres"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(own.rpartition("/")[0] + "/" + other)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(own.replace("ingester:", "ingester:wrong"))


@pytest.fixture(scope="module")
def migrated() -> Iterator[Stack]:
    """A stack with the migrations of all services, and no other part."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("POSTGRES_URL", raising=False)
        with Stack(parts=["keys", *(f"{service}-migrate" for service in DATABASES)]) as running:
            yield running


@pytest.mark.parametrize("service", DATABASES)
def test_nothing_is_left_for_the_role_migrate(migrated: Stack, service: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own arguments
        [sys.executable, "-m", service, "migrate"],
        env=migrated.environment(f"{service}-migrate"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "none, the database is up to date" in done.stdout, done.stderr


async def test_a_given_server_gets_the_databases_and_is_not_started(stack: Stack, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSTGRES_URL", stack.env["POSTGRES_URL"])
        patch.setenv("KAFKA_BOOTSTRAP_SERVERS", stack.env["KAFKA_BOOTSTRAP_SERVERS"])
        guest = Stack(tmp_path, parts=("kafka", "postgres"))
        await asyncio.to_thread(guest.up)
        try:
            assert {row["state"] for row in guest.status()} == {"done"}
            connection = await asyncpg.connect(guest.env["COMPLIANCE_DATABASE_URL"])
            assert await connection.fetchval("SELECT current_user") == "compliance"
            await connection.close()
        finally:
            await asyncio.to_thread(guest.down)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
async def test_root_can_run_postgres_where_it_may_not_make_a_user_namespace(tmp_path: Path) -> None:
    data = tmp_path / "data"
    await asyncio.to_thread(postgres.create, data, "word", user=NOBODY)
    with claimed({"postgres": 5433}, prefer_documented=False) as ports:
        argv = tied(*postgres.argv(data, ports["postgres"]), user=NOBODY)
        log = (tmp_path / "log").open("wb")
        with log, subprocess.Popen(argv, cwd="/", stdout=log, stderr=log) as server:  # noqa: S603, ASYNC220 - ours
            try:
                version = await asyncio.wait_for(server_version(f"127.0.0.1:{ports['postgres']}"), 20)
            finally:
                server.terminate()
    assert version >= 18


async def server_version(address: str) -> int:
    while True:
        try:
            connection = await asyncpg.connect(f"postgresql://postgres:word@{address}/postgres")
        except (OSError, asyncpg.CannotConnectNowError):
            await asyncio.sleep(0.05)
            continue
        version = int(connection.get_server_version().major)
        await connection.close()
        return version


def test_downloads_are_outside_of_every_run_folder(stack: Stack) -> None:
    assert any(CACHE.glob("kafka-*/kafka-clients-*.jar"))
    assert not list(stack.run_dir.rglob("*.jar"))
