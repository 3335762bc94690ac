"""The environment of one stack: its folders, ports, secrets, and the facts derived from them."""

import secrets
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import quote, urlsplit, urlunsplit

from clawback_local import postgres
from clawback_local.places import ROOT, Places
from clawback_local.ports import LOOPBACK

DATABASES = ("ingester", "compliance", "analytics", "alerting", "retention")
"""One database per service, each with a role of the same name that can connect to no other."""

DEVELOPMENT_KEY = "development"
"""The simulator accepts any key."""


@dataclass(frozen=True)
class Site:
    """The facts that templates of parts can use.

    `environment` is the user's: an address in it (`KAFKA_BOOTSTRAP_SERVERS`, `POSTGRES_URL`…) replaces a part.
    """

    places: Places
    ports: Mapping[str, int]
    environment: Mapping[str, str]
    facts: dict[str, str] = field(default_factory=dict)
    production: bool = False
    """With TLS and credentials on every connection; see `production.py`."""

    @cached_property
    def client_context(self) -> ssl.SSLContext | None:
        """Returns a context that trusts the stack's certificates; None without TLS."""
        return ssl.create_default_context(cafile=self.places.tls / "ca.crt") if self.production else None

    def fill(self, template: str) -> str:
        """Fills a template with the facts."""
        return template.format_map(self.facts)


def survey(
    places: Places, ports: Mapping[str, int], environment: Mapping[str, str], *, production: bool = False
) -> Site:
    """Determines all facts of a stack; creates missing secrets."""
    facts = _survey(places, ports, environment)
    if production:
        from clawback_local import production as mode  # noqa: PLC0415 - avoids a cycle: it uses parts, which use sites

        facts |= mode.facts(places, ports, facts)
    return Site(places, ports, environment, facts, production)


def _survey(places: Places, ports: Mapping[str, int], environment: Mapping[str, str]) -> dict[str, str]:
    facts = {f"{name}_port": str(port) for name, port in ports.items()}
    facts |= {f"{name}_url": f"http://{LOOPBACK}:{port}" for name, port in ports.items()}
    facts |= {
        "run": str(places.run),
        "keys": str(places.keys),
        "mail": str(places.mail),
        "sms": str(places.sms),
        "cafile": "",
        "alert_routes": str(ROOT / "services/alerting/src/alerting/routes.example.yaml"),
    }
    facts["python"] = sys.executable
    facts |= {fact: environment.get(name) or ours for name, fact, ours in _given(places, ports)}
    own_server = f"{LOOPBACK}:{ports.get('postgres', 0)}"
    own_admin = f"postgresql://{postgres.ADMIN}:{secret(places, 'postgres')}@{own_server}/postgres"
    admin = environment.get("POSTGRES_URL") or own_admin
    facts["postgres_admin"] = admin
    for name in DATABASES:
        facts[f"{name}_database"] = database_url(admin, name, secret(places, f"database-{name}"))
    return facts


def _given(places: Places, ports: Mapping[str, int]) -> tuple[tuple[str, str, str], ...]:
    """Returns variables of the user, the facts that they set, and the values without them."""

    def local(name: str) -> str:
        return f"{LOOPBACK}:{ports.get(name, 0)}"

    return (
        ("METABASE_URL", "metabase_url", f"http://{local('simulator')}"),
        ("METABASE_API_KEY", "metabase_api_key", DEVELOPMENT_KEY),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka", local("kafka")),
        ("TOPIC_PROFILE", "topic_profile", "local"),
        ("REDIS_URL", "redis_url", f"redis://{local('valkey')}/0"),
        ("SMTP_URL", "smtp_url", f"smtp://{local('mail')}?from=alerts@clawback.example"),
        ("SMS_URL", "sms_url", f"http://{local('sms')}/messages"),
        ("ARCHIVE_URL", "archive_url", places.archive.as_uri()),
        ("FEEDS", "feeds", str(places.feeds)),
    )


def database_url(admin: str, name: str, password: str) -> str:
    """Returns the address of a service's database on the administrator's server."""
    parts = urlsplit(admin)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{name}:{quote(password, safe='')}@{host}", path=f"/{name}"))


def secret(places: Places, name: str) -> str:
    """Returns a random secret of this stack, kept over restarts in a file that only its owner can read."""
    path = places.keys / f"{name}.password"
    if not path.exists():
        write_private(places, f"{name}.password", secrets.token_urlsafe(24))
    return path.read_text().strip()


def write_private(places: Places, name: str, text: str) -> None:
    """Writes a file among the keys atomically; others can never read it."""
    places.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = places.keys / f".{name}.partial"
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.rename(places.keys / name)
