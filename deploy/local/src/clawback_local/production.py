"""A stack in production mode: TLS and credentials on every connection, a user, key and certificate for each service.

These settings are added to, or replace, those of development. No production check of a service is relaxed.
"""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from clawback_local.certificates import Authority
from clawback_local.parts import Listens, Part
from clawback_local.places import Places
from clawback_local.ports import LOOPBACK
from clawback_local.site import DATABASES, secret

SERVERS = ("kafka", "postgres", "valkey", "mail", "sms", "simulator")
CONSUMERS = ("search",)
"""Downstream systems: a user of the broker, and a certificate for their holdings."""
KAFKA_ADMINISTRATORS = ("topics", "operator")
KAFKA_USERS = ("broker", *DATABASES, *KAFKA_ADMINISTRATORS, "upstream", *CONSUMERS)
KAFKA_GRANTS = (
    *(f"{service}={service}" for service in DATABASES),
    "upstream=upstream",
    *(f"downstream={name}" for name in CONSUMERS),
)
WITH_CERTIFICATE_ARGUMENTS = ("mail", "sms", "simulator")
CERTIFICATE_ARGUMENTS = ("--certfile", "{{tls}}/{name}.crt", "--keyfile", "{{tls}}/{name}.key")

KAFKA_ENV = {
    "ENVIRONMENT": "production",
    "TLS_CAFILE": "{tls}/ca.crt",
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
}
SERVICE_ENV = {
    "ENABLE_AUTH": "true",
    "COMPLIANCE": "required",
    "REVOCATION_FEEDS": "metabase-revoked",
    "TAKEDOWN_DEADLINE_H": "24",
    "HOLDER_NETWORKS": "127.0.0.0/8",
    "ALERT_ROUTES": "{alert_routes}",
}
"""For all services; each reads the ones it needs."""
PROXIED = {"postgres": 5434, "valkey": 6381}
"""The wheels' servers are built without TLS: each has a proxy with TLS at this port."""


def facts(places: Places, ports: Mapping[str, int], known: Mapping[str, str]) -> dict[str, str]:
    """Returns what differs from development. Creates missing certificates and passwords."""
    authority = Authority(places.tls)
    for name in (*DATABASES, *SERVERS, *CONSUMERS):
        authority.certificate(name)
    found = {
        name: f"https://{url.removeprefix('http://')}"
        for name, url in known.items()
        if name.endswith("_url") and url.startswith("http://")
    }
    found["tls"] = str(places.tls)
    found["cafile"] = str(authority.cafile)
    found["metabase_api_key"] = secret(places, "metabase")
    word = quote(secret(places, "valkey"), safe="")
    found["redis_url"] = f"rediss://:{word}@{LOOPBACK}:{ports.get('valkey_tls', 0)}/0"
    found["smtp_url"] = known["smtp_url"].replace("smtp://", "smtps://", 1)
    for name in DATABASES:
        found[f"{name}_database"] = _over_tls(known[f"{name}_database"], ports.get("postgres_tls", 0))
    for name in KAFKA_USERS:
        found[f"kafka_{name}_password"] = secret(places, f"kafka-{name}")
    return found


def _over_tls(url: str, port: int) -> str:
    parts = urlsplit(url)
    netloc = f"{parts.netloc.rpartition('@')[0]}@{LOOPBACK}:{port}"
    return urlunsplit(parts._replace(netloc=netloc, query="sslmode=verify-full&sslnegotiation=direct"))


def secured(parts: Mapping[str, Part]) -> dict[str, Part]:
    """Returns the parts as they are in production mode, and the additional ones."""
    return {part.name: part for part in _secured(parts)}


def _secured(parts: Mapping[str, Part]) -> Iterator[Part]:
    for name, part in parts.items():
        service = name.partition("-")[0]
        if service in DATABASES:
            needs = tuple(f"{need}-tls" if need in PROXIED else need for need in part.needs)
            yield replace(part, env={**part.env, **_service_env(service)}, needs=needs)
        elif name == "topics":
            grants = (word for granted in KAFKA_GRANTS for word in ("--grant", granted))
            env = {**part.env, **KAFKA_ENV, **kafka_user(name)}
            yield replace(part, argv=(*part.argv, *grants), env=env)
        elif name in WITH_CERTIFICATE_ARGUMENTS:
            certificate = tuple(word.format(name=name) for word in CERTIFICATE_ARGUMENTS)
            yield replace(part, argv=(*part.argv, *certificate))
        else:
            yield part
            if name in PROXIED:
                yield _proxy(name, PROXIED[name])


def _proxy(server: str, port: int) -> Part:
    ports = ("--port", f"{{{server}_tls_port}}", "--target", f"{{{server}_port}}")
    certificate = tuple(word.format(name=server) for word in CERTIFICATE_ARGUMENTS)
    return Part(
        f"{server}-tls",
        argv=("{python}", "-m", "clawback_local.tls_proxy", *ports, *certificate),
        needs=(server,),
        ports={f"{server}_tls": port},
        ready=Listens(),
    )


def _service_env(service: str) -> dict[str, str]:
    certificate = {
        "HTTP_TLS_CERTFILE": f"{{tls}}/{service}.crt",
        "HTTP_TLS_KEYFILE": f"{{tls}}/{service}.key",
    }
    return {**KAFKA_ENV, **SERVICE_ENV, **certificate, **kafka_user(service)}


def consumer_env(places: Places, name: str) -> dict[str, str]:
    """Returns a downstream system's settings for the broker, and for the certificate of its holdings."""
    return {
        "KAFKA_SASL_USERNAME": name,
        "KAFKA_SASL_PASSWORD": secret(places, f"kafka-{name}"),
        "KAFKA_SSL_CAFILE": str(places.tls / "ca.crt"),
        "HOLDINGS_CERTFILE": str(places.tls / f"{name}.crt"),
        "HOLDINGS_KEYFILE": str(places.tls / f"{name}.key"),
    }


def kafka_arguments(places: Places, bootstrap_servers: str, name: str = "operator") -> dict[str, Any]:
    """Returns how an aiokafka client connects to the broker as this user; without TLS if the stack has none."""
    cafile = places.tls / "ca.crt"
    if not cafile.exists():
        return {"bootstrap_servers": bootstrap_servers}
    return {
        "bootstrap_servers": bootstrap_servers,
        "security_protocol": "SASL_SSL",
        "ssl_context": ssl.create_default_context(cafile=cafile),
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": name,
        "sasl_plain_password": secret(places, f"kafka-{name}"),
    }


def kafka_user(name: str) -> dict[str, str]:
    """Returns the identity of a client of the broker."""
    return {"KAFKA_SASL_USERNAME": name, "KAFKA_SASL_PASSWORD": f"{{kafka_{name}_password}}"}
