"""Actions around the third-party servers: before a start, after it, or instead of it."""

import asyncio
import shutil
from urllib.parse import urlsplit

from clawback_local import kafka, postgres, valkey, waiting
from clawback_local.errors import StackError
from clawback_local.parts import Command
from clawback_local.production import KAFKA_ADMINISTRATORS, KAFKA_USERS
from clawback_local.site import Site, secret

GIVEN_DEADLINE_S = 15.0
REDIS_PORT = 6379


async def kafka_command(site: Site) -> Command:
    """Downloads the jars if needed, writes the configuration, and returns the command line."""
    libs = await asyncio.to_thread(kafka.jars)
    ports = site.ports
    security = _kafka_security(site) if site.production else None
    properties = kafka.configure(
        site.places.kafka, port=ports["kafka"], controller=ports["kafka_controller"], security=security
    )
    if security is not None:
        await asyncio.to_thread(kafka.format_with_users, libs, properties, security.users)
    return Command(kafka.argv(libs, properties))


def _kafka_security(site: Site) -> kafka.Security:
    tls = site.places.tls
    users = {name: site.facts[f"kafka_{name}_password"] for name in KAFKA_USERS}
    return kafka.Security(tls / "kafka.store.pem", tls / "ca.crt", users, KAFKA_ADMINISTRATORS)


async def wipe_kafka(site: Site) -> None:
    """Deletes every topic, record and offset."""
    await asyncio.to_thread(shutil.rmtree, site.places.kafka / "data", ignore_errors=True)


async def given_kafka(site: Site) -> None:
    """Checks that the Kafka of the environment is reachable."""
    address = site.facts["kafka"].split(",")[0].strip()
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        raise StackError(f"KAFKA_BOOTSTRAP_SERVERS must be host:port, not {address}")
    await _require(host, int(port), "KAFKA_BOOTSTRAP_SERVERS")


async def given_valkey(site: Site) -> None:
    """Checks that the Valkey or Redis of the environment is reachable."""
    address = urlsplit(site.facts["redis_url"])
    if address.scheme not in {"redis", "rediss"} or not address.hostname:
        raise StackError("REDIS_URL must be redis://host:port/database")
    await _require(address.hostname, address.port or REDIS_PORT, "REDIS_URL")


async def _require(host: str, port: int, variable: str) -> None:
    if not await waiting.until(lambda: waiting.listens(port, host), deadline_s=GIVEN_DEADLINE_S):
        raise StackError(f"nothing listens on {host}:{port} ({variable}) after {GIVEN_DEADLINE_S:.0f} s")


async def postgres_command(site: Site) -> Command:
    """Creates the data folder if needed, and returns the command line and its user."""
    place = await asyncio.to_thread(postgres.home, site.places.postgres)
    await asyncio.to_thread(postgres.create, place, secret(site.places, "postgres"))
    return Command(postgres.argv(place, site.ports["postgres"]), place.identity)


async def wipe_postgres(site: Site) -> None:
    """Deletes every database."""
    await asyncio.to_thread(postgres.wipe, site.places.postgres)


async def valkey_command(site: Site) -> Command:
    """Returns the command line; in production mode the configuration with the password is in a file."""
    port = site.ports["valkey"]
    if not site.production:
        return Command(valkey.argv(port))
    path = site.places.run / "valkey.conf"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(valkey.configuration(port, secret(site.places, "valkey")))
    return Command((str(valkey.program()), str(path)))


async def wipe_valkey(_: Site) -> None:
    """Nothing to delete: the data is lost when it stops."""
