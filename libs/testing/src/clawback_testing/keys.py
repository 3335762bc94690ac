"""Keys for tests, in files as services read them."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clawback_contracts.signatures import Signer


def new_signer() -> Signer:
    """Return a signer with a new key."""
    return Signer(Ed25519PrivateKey.generate())


def write_signing_key(path: Path) -> Signer:
    """Write a new private key to a file and return its signer."""
    key = Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Signer(key)


def public(signer: Signer) -> dict[str, str]:
    """Return the public key in the form in which it is registered."""
    return {signer.key_id: base64.b64encode(signer.public_key).decode()}


def write_api_keys(
    path: Path, signers: Mapping[str, Signer], providers: Mapping[str, Sequence[str]] | None = None
) -> Path:
    """Write the file of keys with these subjects' signing keys; subjects with providers are upstream systems."""
    rows: list[dict[str, Any]] = [
        {"subject": subject, "roles": [], "signing_keys": public(signer)}
        for subject, signer in signers.items()
    ]
    for row in rows:
        if row["subject"] in (providers or {}):
            row |= {"roles": ["upstream"], "providers": list((providers or {})[row["subject"]])}
    path.write_text(yaml.safe_dump(rows))
    return path
