"""Requirements on settings outside development. Each check yields what is missing, as a part of a sentence."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

DEFAULT_SECRETS = frozenset({"", "development"})
"""Secrets that are publicly known."""


def needs_https(name: str, url: object) -> Iterator[str]:
    """Require an HTTP address with TLS."""
    if urlsplit(str(url)).scheme != "https":
        yield f"{name} with https"


def needs_file(name: str, path: Path | None) -> Iterator[str]:
    """Require a file that exists and can be read."""
    if path is None:
        yield name
        return
    try:
        with path.open("rb"):
            pass
    except OSError:
        yield f"{name} that can be read (not {path})"


def needs_secret(name: str, value: str) -> Iterator[str]:
    """Require a secret that is set and is not the development default."""
    if value.strip() in DEFAULT_SECRETS:
        yield f"{name} of its own"


def needs_safe_postgres(name: str, url: str) -> Iterator[str]:
    """Require a PostgreSQL address that verifies the server, with its own password or a client certificate.

    ``sslmode`` must be in the address: the driver's default, ``prefer``, falls back to a connection without TLS.
    """
    if not url:
        yield name
        return
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if query.get("sslmode", [""])[-1] != "verify-full":
        yield f"{name} with sslmode=verify-full"
    word = parts.password if parts.password is not None else query.get("password", [""])[-1]
    if unquote(word) in DEFAULT_SECRETS and not (word == "" and {"sslcert", "passfile"} & set(query)):
        yield f"{name} with a password of its own"


def needs_safe_redis(name: str, url: str) -> Iterator[str]:
    """Require an address of Redis or Valkey with TLS, certificate verification, and its own password."""
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        yield f"{name} with rediss://"
    query = parse_qs(parts.query)
    word = parts.password if parts.password is not None else query.get("password", [""])[-1]
    if unquote(word) in DEFAULT_SECRETS:
        yield f"{name} with a password of its own"
    if {"ssl_cert_reqs", "ssl_check_hostname"} & set(query):
        yield f"{name} without ssl_cert_reqs and ssl_check_hostname (certificates are verified)"
