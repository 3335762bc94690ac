"""The files that the services of a local stack need: API keys, webhook secrets, feeds."""

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
from clawback_local.config import DATABASES, Paths, StackError, write_private

ROLES = ("officer", "approver", "operator", "reader", "upstream", "licensor", "holder", "alertmanager")
SERVICE_KEYS = {  # one per caller among the services, with the least role it needs
    **dict.fromkeys(("ingester", "compliance-stores", "analytics", "alerting", "retention"), "reader"),
    "compliance": "poller",
}
PROVIDERS = {
    "upstream": ("upstream",),
    "licensor": ("metabase",),
}  # whose articles a key may submit or revoke
SIGNERS = (
    *DATABASES,
    "upstream",
)  # of records; the private key is in `<subject>.pem`, an API key in `<subject>.key`
WEBHOOK_PROVIDER = "partner"
FEED = {"provider": "metabase", "tier": "premium"}
API_KEYS_FILE = "api_keys.yaml"
PARTNERS_FILE = "partners.yaml"  # the entries that `partner_key` created, kept over restarts
WEBHOOK_SECRETS_FILE = "webhook_secrets.yaml"
_SUBJECT = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")  # as a holder's name in the contract
_PROVIDER = re.compile(r"[a-z0-9-]{1,32}")


def create(paths: Paths) -> None:
    """Creates what is missing; keys and secrets are random and kept over restarts."""
    subjects = {**dict.fromkeys(SIGNERS), **{role: role for role in ROLES}, **SERVICE_KEYS}
    entries = [_entry(paths, subject, role) for subject, role in subjects.items()] + _partners(paths)
    _write(paths.keys / API_KEYS_FILE, entries)
    if not (paths.keys / WEBHOOK_SECRETS_FILE).exists():
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        _write(paths.keys / WEBHOOK_SECRETS_FILE, {WEBHOOK_PROVIDER: [secret]})
    feeds = [{"name": f"metabase-{kind}", "kind": kind, **FEED} for kind in ("articles", "revoked")]
    _write(paths.feeds, {"feeds": feeds})


def partner_key(paths: Paths, subject: str, role: str, providers: Sequence[str] = ()) -> tuple[str, str]:
    """Creates a key for a partner, which the stack accepts immediately. An existing subject gets the new permissions.

    Returns:
        The key, and its entry for an `API_KEYS_FILE`, which contains only its hash.
    """
    _refuse_invalid(subject, role, providers)
    entry = _entry(paths, subject, role)
    if providers:
        entry["providers"] = list(providers)
    others = [one for one in _partners(paths) if one["subject"] != subject]
    _write(paths.keys / PARTNERS_FILE, [*others, entry])
    create(paths)
    return _key(paths, subject), yaml.safe_dump([entry], sort_keys=False)


def _refuse_invalid(subject: str, role: str, providers: Sequence[str]) -> None:
    if not _SUBJECT.fullmatch(subject):
        raise StackError("a subject consists of a-z, 0-9 and . _ -; for a holder it is its registered name")
    if subject in {*SIGNERS, *ROLES, *SERVICE_KEYS}:
        raise StackError(f"{subject} is a subject of the stack itself: choose another one")
    if role not in {*ROLES, *SERVICE_KEYS.values()}:
        raise StackError(f"there is no role {role!r}. Roles: {', '.join(ROLES)}")
    if role in PROVIDERS and not providers:
        raise StackError(f"the role {role} needs provider=, the providers of its articles")
    if not all(_PROVIDER.fullmatch(one) for one in providers):
        raise StackError("a provider consists of a-z, 0-9 and -; separate several with commas")


def _partners(paths: Paths) -> list[dict[str, Any]]:
    path = paths.keys / PARTNERS_FILE
    return list(yaml.safe_load(path.read_text())) if path.exists() else []


def _entry(paths: Paths, subject: str, role: str | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"subject": subject, "roles": [role] if role else []}
    if role is not None:
        entry["sha256"] = hashlib.sha256(_key(paths, subject).encode()).hexdigest()
    if role in PROVIDERS:
        entry["providers"] = list(PROVIDERS[role])
    if subject in SIGNERS:
        signer = _signer(paths.keys / f"{subject}.pem")
        entry["signing_keys"] = {signer.key_id: base64.b64encode(signer.public_key).decode()}
    return entry


def _signer(path: Path) -> Signer:
    if not path.exists():
        key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(path, key.decode())
    return Signer.of(path)


def _key(paths: Paths, subject: str) -> str:
    path = paths.keys / f"{subject}.key"
    if not path.exists():
        write_private(path, f"cbk_{subject}_{secrets.token_urlsafe(24)}\n")
    return path.read_text().strip()


def _write(path: Path, content: object) -> None:
    write_private(path, yaml.safe_dump(content, sort_keys=False))


if __name__ == "__main__":  # for containers, which share the folder as a volume
    create(Paths(Path(sys.argv[1])))
