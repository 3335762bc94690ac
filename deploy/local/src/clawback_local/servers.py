"""What must be done around the two servers that are not ours: before a start, after it, instead of it."""

import asyncio
import shutil

from clawback_local import kafka, postgres, waiting
from clawback_local.errors import StackError
from clawback_local.parts import Command
from clawback_local.site import Site, secret

GIVEN_DEADLINE_S = 15.0


async def kafka_command(site: Site) -> Command:
    """Fetch the jars if need be, write the configuration, and say the command line."""
    libs = await asyncio.to_thread(kafka.jars)
    ports = site.ports
    properties = kafka.configure(site.places.kafka, port=ports["kafka"], controller=ports["kafka_controller"])
    return Command(kafka.argv(libs, properties))


async def wipe_kafka(site: Site) -> None:
    """Forget every topic, record and offset."""
    await asyncio.to_thread(shutil.rmtree, site.places.kafka / "data", ignore_errors=True)


async def given_kafka(site: Site) -> None:
    """Check that the Kafka of the environment is there."""
    address = site.facts["kafka"].split(",")[0].strip()
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        raise StackError(f"KAFKA_BOOTSTRAP_SERVERS must be host:port, not {address}")
    if not await waiting.until(lambda: waiting.listens(int(port), host), deadline_s=GIVEN_DEADLINE_S):
        raise StackError(
            f"nothing listens on {address} (KAFKA_BOOTSTRAP_SERVERS) after {GIVEN_DEADLINE_S:.0f} s"
        )


async def postgres_command(site: Site) -> Command:
    """Make the data folder if need be, and say the command line and its user."""
    place = await asyncio.to_thread(postgres.home, site.places.postgres)
    await asyncio.to_thread(postgres.create, place, secret(site.places, "postgres"))
    return Command(postgres.argv(place, site.ports["postgres"]), place.identity)


async def wipe_postgres(site: Site) -> None:
    """Forget every database."""
    await asyncio.to_thread(postgres.wipe, site.places.postgres)
