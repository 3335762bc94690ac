"""All parts of the local stack, in the order in which a reader would start them."""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping

from clawback_local import databases, kafka, postgres
from clawback_local.parts import Command, Finishes, Listens, Part
from clawback_local.site import Site, secret

PYTHON_SERVICE = ("{python}", "-m")


async def _kafka_command(site: Site) -> Command:
    libs = await asyncio.to_thread(kafka.jars)
    ports = site.ports
    properties = kafka.configure(site.places.kafka, port=ports["kafka"], controller=ports["kafka_controller"])
    return Command(kafka.argv(libs, properties))


async def _wipe_kafka(site: Site) -> None:
    await asyncio.to_thread(shutil.rmtree, site.places.kafka / "data", ignore_errors=True)


async def _postgres_command(site: Site) -> Command:
    place = await asyncio.to_thread(postgres.home, site.places.postgres)
    await asyncio.to_thread(postgres.create, place, secret(site.places, "postgres"))
    return Command(postgres.argv(place, site.ports["postgres"]), place.identity)


async def _wipe_postgres(site: Site) -> None:
    await asyncio.to_thread(postgres.wipe, site.places.postgres)


KAFKA = Part(
    "kafka",
    ports={"kafka": 9092, "kafka_controller": 9093},
    ready=Listens(),
    command=_kafka_command,
    wipe=_wipe_kafka,
    deadline_s=60,
)
POSTGRES = Part(
    "postgres",
    ports={"postgres": 5433},
    ready=Listens(),
    command=_postgres_command,
    settle=databases.ensure,
    wipe=_wipe_postgres,
    stop_signal=signal.SIGINT,
    death_signal=signal.SIGQUIT,
)
GIVEN_POSTGRES = Part("postgres", inside=databases.ensure)

INFRASTRUCTURE = ("kafka", "postgres")


def parts(environment: Mapping[str, str] | None = None) -> dict[str, Part]:
    """Every part by name; a server that the environment gives an address of is not started."""
    environment = os.environ if environment is None else environment
    everything = {part.name: part for part in (KAFKA, POSTGRES)}
    if environment.get("KAFKA_BOOTSTRAP_SERVERS"):
        everything["kafka"] = Part("kafka", ready=Finishes())
    if environment.get("POSTGRES_URL"):
        everything["postgres"] = GIVEN_POSTGRES
    return everything


ENV = {
    "KAFKA_BOOTSTRAP_SERVERS": "{kafka}",
    "POSTGRES_URL": "{postgres_admin}",
    "INGESTER_DATABASE_URL": "{ingester_database}",
    "COMPLIANCE_DATABASE_URL": "{compliance_database}",
}


def write_env(site: Site) -> None:
    """Write the addresses that are true for others to read; it has passwords, so only the owner can."""
    path = site.places.env
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={site.fill(value)}\n" for name, value in ENV.items()))
