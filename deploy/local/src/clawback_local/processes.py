"""All parts of the local stack, as data, in start-up order."""

import os
import shlex
import signal
from collections.abc import Collection, Mapping

from clawback_local import databases, keys, servers
from clawback_local.parts import Listens, Part
from clawback_local.production import secured
from clawback_local.services import SERVICES, STORES, SUBMISSIONS
from clawback_local.site import Site

KAFKA = Part(
    "kafka",
    command=servers.kafka_command,
    ports={"kafka": 9092, "kafka_controller": 9093},
    ready=Listens(),
    wipe=servers.wipe_kafka,
    deadline_s=60,
)
POSTGRES = Part(
    "postgres",
    command=servers.postgres_command,
    ports={"postgres": 5433},
    ready=Listens(),
    settle=databases.ensure,
    wipe=servers.wipe_postgres,
    stop_signal=signal.SIGINT,
    death_signal=signal.SIGQUIT,
)
VALKEY = Part(
    "valkey",
    command=servers.valkey_command,
    ports={"valkey": 6380},
    ready=Listens(),
    wipe=servers.wipe_valkey,
)
KEYS = Part("keys", inside=keys.make)
MAIL = Part(
    "mail",
    argv=("{python}", "-m", "clawback_local.mail", "--port", "{mail_port}", "--folder", "{mail}"),
    ports={"mail": 1025},
    ready=Listens(),
)
SMS = Part(
    "sms",
    argv=("{python}", "-m", "clawback_local.sms", "--port", "{sms_port}", "--folder", "{sms}"),
    ports={"sms": 1026},
    ready=Listens(),
)
SIMULATOR = Part(
    "simulator",
    argv=("{python}", "-m", "clawback_simulator", "--port", "{simulator_port}"),
    ports={"simulator": 8010},
    ready=Listens(),
    stop_s=5,
)
TOPICS = Part(
    "topics",
    argv=("{python}", "-m", "clawback_common.kafka", "provision", SUBMISSIONS),
    env={"KAFKA_BOOTSTRAP_SERVERS": "{kafka}", "TOPIC_PROFILE": "{topic_profile}"},
    needs=("kafka",),
)


GIVEN: Mapping[str, Part] = {
    "KAFKA_BOOTSTRAP_SERVERS": Part("kafka", inside=servers.given_kafka),
    "POSTGRES_URL": Part("postgres", inside=databases.ensure),
    "REDIS_URL": Part("valkey", inside=servers.given_valkey),
    "METABASE_URL": Part("simulator"),
    "SMTP_URL": Part("mail"),
    "SMS_URL": Part("sms"),
}
"""An address in the environment, and the part that it replaces: it is checked, where possible, and not started."""


def parts(
    environment: Mapping[str, str] | None = None, *, production: bool = False, replicas: int = 1
) -> dict[str, Part]:
    """Returns every part by name; a server with an address in the environment is checked instead of started."""
    environment = os.environ if environment is None else environment
    services = [part for service in SERVICES for part in service.parts(replicas)]
    everything = (KAFKA, POSTGRES, VALKEY, KEYS, MAIL, SMS, SIMULATOR, TOPICS, *services)
    given = {part.name: part for name, part in GIVEN.items() if environment.get(name)}
    chosen = {part.name: given.get(part.name, part) for part in everything}
    return secured(chosen) if production else chosen


def _env() -> dict[str, tuple[str, str]]:
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": ("kafka", "{kafka}"),
        "TOPIC_PROFILE": ("topics", "{topic_profile}"),
        "POSTGRES_URL": ("postgres", "{postgres_admin}"),
        "REDIS_URL": ("valkey", "{redis_url}"),
        "METABASE_URL": ("simulator", "{metabase_url}"),
        "METABASE_API_KEY": ("simulator", "{metabase_api_key}"),
        "STORES": ("compliance-api", STORES),
        "ARCHIVE_URL": ("compliance-api", "{archive_url}"),
        "KEYS": ("keys", "{keys}"),
        "TLS_CAFILE": ("keys", "{cafile}"),
        "API_KEYS_FILE": ("keys", "{keys}/api_keys.yaml"),
        "WEBHOOK_SECRETS": ("keys", "{keys}/webhook_secrets.yaml"),
        "FEEDS": ("keys", "{feeds}"),
        "SMTP_URL": ("mail", "{smtp_url}"),
        "MAIL": ("mail", "{mail}"),
        "SMS_URL": ("sms", "{sms_url}"),
        "SMS": ("sms", "{sms}"),
    }
    for name in (service.name for service in SERVICES):
        env[f"{name.upper()}_DATABASE_URL"] = ("postgres", f"{{{name}_database}}")
        env[f"{name.upper()}_URL"] = (f"{name}-api", f"{{{name}_api_url}}")
        env[f"{name.upper()}_WORKER_URL"] = (f"{name}-worker", f"{{{name}_worker_url}}")
    return env


ENV = _env()
"""The content of `.run/env`, and the part that each address belongs to."""


def write_env(site: Site, running: Collection[str]) -> None:
    """Writes the addresses of running parts, to be read by a shell.

    It contains passwords, so only the owner can read it.
    """
    lines = [
        f"{name}={shlex.quote(site.fill(value))}\n" for name, (part, value) in ENV.items() if part in running
    ]
    partial = site.places.env.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text("".join(lines))
    partial.rename(site.places.env)
