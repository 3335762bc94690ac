"""A stack in production mode: TLS and credentials on every connection, a user, key and certificate for each service.

These settings are added to, or replace, those of development. No production check of a service is relaxed.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import trustme
from cryptography.hazmat.primitives import serialization

from clawback_local.config import DATABASES, LOOPBACK, Config, write_private
from clawback_local.kafka import CONSUMERS, USERS
from clawback_local.parts import DESCRIPTION, Part

CERTIFICATES = (*DATABASES, *CONSUMERS, "kafka", "postgres", "valkey", "mail", "sms", "simulator")
KEY_FORM = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
PRODUCTION: Mapping[str, Any] = DESCRIPTION["production"]


def create_certificates(folder: Path) -> None:
    """Creates the missing certificates for loopback, and their authority; only the owner can read the files."""
    cafile, keyfile = folder / "ca.crt", folder / "ca.key"
    if not cafile.exists():
        authority = trustme.CA(organization_name="Clawback local stack")
        write_private(keyfile, authority.private_key_pem.bytes().decode())
        write_private(cafile, authority.cert_pem.bytes().decode())
    authority = trustme.CA.from_pem(cafile.read_bytes(), keyfile.read_bytes())
    for name in CERTIFICATES:
        if not (folder / f"{name}.pem").exists():
            made = authority.issue_cert(LOOPBACK, "localhost", common_name=name)
            private = serialization.load_pem_private_key(made.private_key_pem.bytes(), None)
            key = private.private_bytes(*KEY_FORM).decode()
            chain = made.cert_chain_pems[0].bytes().decode() + cafile.read_text()
            for suffix, text in (("key", key), ("crt", chain), ("pem", key + chain)):
                write_private(folder / f"{name}.{suffix}", text)


def secured(config: Config) -> Config:
    """Returns the configuration in production mode. Creates missing certificates and passwords."""
    paths, ports = config.paths, config.ports
    create_certificates(paths.tls)
    values = {name: value.replace("http://", "https://") for name, value in config.values.items()}
    password = quote(paths.secret("valkey"), safe="")
    values |= {
        "tls": str(paths.tls),
        "cafile": str(paths.cafile),
        "metabase_api_key": paths.secret("metabase"),
        "redis_url": f"rediss://:{password}@{LOOPBACK}:{ports.get('valkey_tls', 0)}/0",
        "smtp_url": values["smtp_url"].replace("smtp://", "smtps://", 1),
    }
    for name in DATABASES:
        url = urlsplit(values[f"{name}_database"])
        netloc = f"{url.netloc.rpartition('@')[0]}@{LOOPBACK}:{ports.get('postgres_tls', 0)}"
        query = "sslmode=verify-full&sslnegotiation=direct"
        values[f"{name}_database"] = url._replace(netloc=netloc, query=query).geturl()
    values |= {f"kafka_{name}_password": paths.secret(f"kafka-{name}") for name in USERS}
    return replace(config, values=values, production=True)


def secured_parts(parts: Mapping[str, Part]) -> dict[str, Part]:
    """Returns the parts as they are in production mode, and the additional ones."""
    added = [Part(name, **described) for name, described in PRODUCTION["servers"].items()]
    return {part.name: _secured(part) for part in (*parts.values(), *added)}


def _secured(part: Part) -> Part:
    argv, env, needs = (*part.argv, *PRODUCTION["arguments"].get(part.name, ())), {**part.env}, part.needs
    user = part.name.partition("-")[0]
    if user in USERS:
        env |= {**PRODUCTION["kafka"], "KAFKA_SASL_USERNAME": user}
        env["KAFKA_SASL_PASSWORD"] = f"{{kafka_{user}_password}}"
    if user in DATABASES:
        files = {"HTTP_TLS_CERTFILE": f"{{tls}}/{user}.crt", "HTTP_TLS_KEYFILE": f"{{tls}}/{user}.key"}
        env |= {**PRODUCTION["service"], **files}
        needs = tuple(f"{need}-tls" if f"{need}-tls" in PRODUCTION["servers"] else need for need in needs)
    return replace(part, argv=argv, env=env, needs=needs)
