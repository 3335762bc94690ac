"""All parts of the local stack, as data, in the order in which a reader would start them."""

import os
import shlex
import signal
from collections.abc import Collection, Mapping

from clawback_local import databases, keys, servers
from clawback_local.parts import Answers, Listens, Part
from clawback_local.site import Site

INFRASTRUCTURE = ("kafka", "postgres")

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
KEYS = Part("keys", inside=keys.make)
MAIL = Part(
    "mail",
    argv=("{python}", "-m", "clawback_local.mail", "--port", "{mail_port}", "--folder", "{mail}"),
    ports={"mail": 1025},
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
    argv=("{python}", "-m", "clawback_common.bus", "provision"),
    env={"KAFKA_BOOTSTRAP_SERVERS": "{kafka}", "TOPIC_PROFILE": "{topic_profile}"},
    needs=("kafka",),
)

SERVICE_ENV = {
    "ENVIRONMENT": "development",
    "KAFKA_BOOTSTRAP_SERVERS": "{kafka}",
    "TOPIC_PROFILE": "{topic_profile}",
    "API_KEYS_FILE": "{keys}/api_keys.yaml",
    "SMTP_URL": "smtp://127.0.0.1:{mail_port}",
}
INGESTER_ENV = SERVICE_ENV | {
    "DATABASE_URL": "{ingester_database}",
    "METABASE_URL": "{metabase_url}",
    "METABASE_API_KEY": "{metabase_api_key}",
    "FEEDS": "{feeds}",
    "WEBHOOK_SECRETS": "{keys}/webhook_secrets.yaml",
}
COMPLIANCE_ENV = SERVICE_ENV | {
    "DATABASE_URL": "{compliance_database}",
    "INGESTER_URL": "{ingester_api_url}",
    "INGESTER_API_KEY_FILE": "{keys}/operator.key",
    "STORES": '{{"ingester": "{ingester_api_url}/api/v1/ingester/holdings"}}',
}


def service(name: str, env: Mapping[str, str], *, port: int, needs: tuple[str, ...] = ()) -> tuple[Part, ...]:
    """The processes of one service: migrations once, then the worker and the API."""
    python = ("{python}", "-m", name)
    prepared = (f"{name}-migrate", "topics", "keys", *needs)
    api, worker = f"{name}_api", f"{name}_worker"
    return (
        Part(f"{name}-migrate", argv=(*python, "migrate"), env=env, needs=("postgres",), deadline_s=60),
        Part(
            f"{name}-worker",
            argv=(*python, "worker"),
            env={**env, "HTTP_PORT": f"{{{worker}_port}}"},
            needs=prepared,
            ports={worker: port + 100},
            ready=Answers(),
            deadline_s=60,
            group=name,
        ),
        Part(
            f"{name}-api",
            argv=(*python, "api"),
            env={**env, "HTTP_PORT": f"{{{api}_port}}"},
            needs=prepared,
            ports={api: port},
            ready=Answers(),
            deadline_s=60,
        ),
    )


def parts(environment: Mapping[str, str] | None = None) -> dict[str, Part]:
    """Every part by name; a server that the environment gives an address of is checked instead of started."""
    environment = os.environ if environment is None else environment
    ingester = service("ingester", INGESTER_ENV, port=8001, needs=("simulator", "mail"))
    compliance = service("compliance", COMPLIANCE_ENV, port=8002, needs=("mail",))
    everything = (KAFKA, POSTGRES, KEYS, MAIL, SIMULATOR, TOPICS, *ingester, *compliance)
    by_name = {part.name: part for part in everything}
    if environment.get("KAFKA_BOOTSTRAP_SERVERS"):
        by_name["kafka"] = Part("kafka", inside=servers.given_kafka)
    if environment.get("POSTGRES_URL"):
        by_name["postgres"] = Part("postgres", inside=databases.ensure)
    if environment.get("METABASE_URL"):
        by_name["simulator"] = Part("simulator")
    return by_name


ENV: Mapping[str, tuple[str, str]] = {
    "KAFKA_BOOTSTRAP_SERVERS": ("kafka", "{kafka}"),
    "TOPIC_PROFILE": ("topics", "{topic_profile}"),
    "POSTGRES_URL": ("postgres", "{postgres_admin}"),
    "INGESTER_DATABASE_URL": ("postgres", "{ingester_database}"),
    "COMPLIANCE_DATABASE_URL": ("postgres", "{compliance_database}"),
    "METABASE_URL": ("simulator", "{metabase_url}"),
    "METABASE_API_KEY": ("simulator", "{metabase_api_key}"),
    "INGESTER_URL": ("ingester-api", "{ingester_api_url}"),
    "INGESTER_WORKER_URL": ("ingester-worker", "{ingester_worker_url}"),
    "COMPLIANCE_URL": ("compliance-api", "{compliance_api_url}"),
    "COMPLIANCE_WORKER_URL": ("compliance-worker", "{compliance_worker_url}"),
    "STORES": ("ingester-api", COMPLIANCE_ENV["STORES"]),
    "KEYS": ("keys", "{keys}"),
    "API_KEYS_FILE": ("keys", "{keys}/api_keys.yaml"),
    "WEBHOOK_SECRETS": ("keys", "{keys}/webhook_secrets.yaml"),
    "FEEDS": ("keys", "{feeds}"),
    "SMTP_URL": ("mail", SERVICE_ENV["SMTP_URL"]),
    "MAIL": ("mail", "{mail}"),
}
"""What `.run/env` says, and the part that makes it true."""


def write_env(site: Site, running: Collection[str]) -> None:
    """Write the addresses of what runs, for a shell to read; passwords are in it, so only the owner can."""
    lines = [
        f"{name}={shlex.quote(site.fill(value))}\n" for name, (part, value) in ENV.items() if part in running
    ]
    partial = site.places.env.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text("".join(lines))
    partial.rename(site.places.env)
