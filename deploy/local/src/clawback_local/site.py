"""One stack's place in the world: its folders, its ports, its secrets, and the facts made of them."""

import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

from clawback_local import postgres
from clawback_local.places import Places
from clawback_local.ports import LOOPBACK

DATABASES = ("ingester", "compliance")
"""One database a service, each with a role of the same name that can connect to no other."""

DEVELOPMENT_KEY = "development"
"""The simulator takes any key."""


@dataclass(frozen=True)
class Site:
    """What templates of parts may speak of.

    `environment` is the user's: an address there (`KAFKA_BOOTSTRAP_SERVERS`, `POSTGRES_URL`) replaces a part.
    """

    places: Places
    ports: Mapping[str, int]
    environment: Mapping[str, str]
    facts: dict[str, str] = field(default_factory=dict)

    def fill(self, template: str) -> str:
        """A template with its facts."""
        return template.format_map(self.facts)


def survey(places: Places, ports: Mapping[str, int], environment: Mapping[str, str]) -> Site:
    """Find out all facts of a stack; makes its secrets when they are not there yet."""
    facts = {f"{name}_port": str(port) for name, port in ports.items()}
    facts |= {f"{name}_url": f"http://{LOOPBACK}:{port}" for name, port in ports.items()}
    facts |= {
        "run": str(places.run),
        "keys": str(places.keys),
        "mail": str(places.mail),
        "feeds": str(places.feeds),
    }
    facts["python"] = sys.executable
    facts["metabase_url"] = environment.get("METABASE_URL") or facts.get("simulator_url", "")
    facts["metabase_api_key"] = environment.get("METABASE_API_KEY") or DEVELOPMENT_KEY
    facts["kafka"] = environment.get("KAFKA_BOOTSTRAP_SERVERS") or f"{LOOPBACK}:{ports.get('kafka', 0)}"
    facts["topic_profile"] = environment.get("TOPIC_PROFILE", "local")
    own_server = f"{LOOPBACK}:{ports.get('postgres', 0)}"
    own_admin = f"postgresql://{postgres.ADMIN}:{secret(places, 'postgres')}@{own_server}/postgres"
    admin = environment.get("POSTGRES_URL") or own_admin
    facts["postgres_admin"] = admin
    for name in DATABASES:
        facts[f"{name}_database"] = database_url(admin, name, secret(places, f"database-{name}"))
    return Site(places, ports, environment, facts)


def database_url(admin: str, name: str, password: str) -> str:
    """The address of a service's database on the administrator's server."""
    parts = urlsplit(admin)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{name}:{quote(password, safe='')}@{host}", path=f"/{name}"))


def secret(places: Places, name: str) -> str:
    """A random secret of this stack, kept over restarts in a file that only its owner can read."""
    path = places.keys / f"{name}.password"
    if not path.exists():
        write_private(places, f"{name}.password", secrets.token_urlsafe(24))
    return path.read_text().strip()


def write_private(places: Places, name: str, text: str) -> None:
    """Write a file among the keys: never readable by others, never half written."""
    places.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = places.keys / f".{name}.partial"
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.rename(places.keys / name)
