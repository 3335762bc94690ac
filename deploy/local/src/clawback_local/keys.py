"""What the services of a local stack are given as files: API keys, webhook secrets, feeds."""

import base64
import hashlib
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clawback_contracts.signatures import Signer
from clawback_local.errors import StackError
from clawback_local.places import Places
from clawback_local.site import DATABASES, Site, write_private

ROLES = ("officer", "approver", "operator", "reader", "upstream", "licensor", "holder", "alertmanager")
"""Who may act over HTTP; one key each, in `<role>.key`."""

SERVICE_KEYS = {
    "ingester": "reader",
    "compliance": "poller",
    "compliance-stores": "reader",
    "analytics": "reader",
    "alerting": "reader",
    "retention": "reader",
}
"""A key for each call between services, in `<subject>.key`, with the least role that the call needs."""

PROVIDERS = {"upstream": ("upstream",), "licensor": ("metabase",)}
"""Whose articles a key may submit or revoke; an officer's any."""

SIGNERS = (*DATABASES, "upstream")
"""Who signs records: our services, and the upstream system its notices. The private key is in `<subject>.pem`."""

WEBHOOK_PROVIDER = "partner"
API_KEYS_FILE = "api_keys.yaml"
PARTNERS_FILE = "partners.yaml"
"""The entries that `partner_key` made, kept over restarts."""
_SUBJECT = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
"""As the contract has a holder's name, which the subject of its key must be."""
_PROVIDER = re.compile(r"[a-z0-9-]{1,32}")
WEBHOOK_SECRETS_FILE = "webhook_secrets.yaml"


async def make(site: Site) -> None:
    """Make what is missing; keys and secrets are random and kept over restarts."""
    make_in(site.places)


def make_in(places: Places) -> None:
    """The same, for a folder without a stack."""
    subjects: dict[str, str | None] = {
        **dict.fromkeys(SIGNERS),
        **{role: role for role in ROLES},
        **SERVICE_KEYS,
    }
    entries = [_entry(places, subject, role) for subject, role in subjects.items()] + _partners(places)
    write_private(places, API_KEYS_FILE, yaml.safe_dump(entries, sort_keys=False))
    if not (places.keys / WEBHOOK_SECRETS_FILE).exists():
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        write_private(places, WEBHOOK_SECRETS_FILE, yaml.safe_dump({WEBHOOK_PROVIDER: [secret]}))
    write_feeds(places)


def partner_key(places: Places, subject: str, role: str, providers: Sequence[str] = ()) -> tuple[str, str]:
    """A key for somebody else: the key itself, and its entry for an `API_KEYS_FILE`, which has its hash alone.

    The stack of this folder takes it at once. For the same subject the key stays, and what it may do is replaced.

    Raises:
        StackError: no subject, role or providers that a key could have, or a subject of the stack itself.
    """
    _refuse_entry(subject, role, providers)
    entry = _entry(places, subject, role)
    if providers:
        entry["providers"] = list(providers)
    others = [one for one in _partners(places) if one["subject"] != subject]
    write_private(places, PARTNERS_FILE, yaml.safe_dump([*others, entry], sort_keys=False))
    make_in(places)
    return _key(places, subject), yaml.safe_dump([entry], sort_keys=False)


def _refuse_entry(subject: str, role: str, providers: Sequence[str]) -> None:
    if not _SUBJECT.fullmatch(subject):
        raise StackError(
            "a subject is a name in a-z, 0-9 and . _ -; a holder's is the name that it registers"
        )
    if subject in {*SIGNERS, *ROLES, *SERVICE_KEYS}:
        raise StackError(f"{subject} has a key of the stack's own: choose another subject")
    if role not in {*ROLES, *SERVICE_KEYS.values()}:
        raise StackError(f"there is no role {role!r}. There are: {', '.join(ROLES)}")
    if role in PROVIDERS and not providers:
        raise StackError(f"the role {role} needs provider=: whose articles it may act on")
    if not all(_PROVIDER.fullmatch(one) for one in providers):
        raise StackError("a provider is a name in a-z, 0-9 and -; more of them have a comma between")


def _partners(places: Places) -> list[dict[str, Any]]:
    path = places.keys / PARTNERS_FILE
    return list(yaml.safe_load(path.read_text())) if path.exists() else []


def write_feeds(places: Places) -> None:
    """The provider's two feeds, polled as its premium tier would be."""
    feeds = [
        {"name": f"metabase-{kind}", "kind": kind, "provider": "metabase", "tier": "premium"}
        for kind in ("articles", "revoked")
    ]
    places.feeds.touch(mode=0o600)
    places.feeds.write_text(yaml.safe_dump({"feeds": feeds}, sort_keys=False))


def _entry(places: Places, subject: str, role: str | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"subject": subject, "roles": [role] if role else []}
    if role is not None:
        entry["sha256"] = _hashed(_key(places, subject))
    if role in PROVIDERS:
        entry["providers"] = list(PROVIDERS[role])
    if subject in SIGNERS:
        signer = _signer(places, subject)
        entry["signing_keys"] = {signer.key_id: base64.b64encode(signer.public_key).decode()}
    return entry


def _signer(places: Places, subject: str) -> Signer:
    path = places.keys / f"{subject}.pem"
    if not path.exists():
        private = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        write_private(places, path.name, private.decode())
    return Signer.of(path)


def _key(places: Places, subject: str) -> str:
    path = places.keys / f"{subject}.key"
    if not path.exists():
        write_private(places, path.name, f"cbk_{subject}_{secrets.token_urlsafe(24)}\n")
    return path.read_text().strip()


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def main() -> None:
    """`python -m clawback_local.keys DIR`: for containers, which share the folder as a volume."""
    make_in(Places(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
