"""Keys of a test: in files, as services read them."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clawback_contracts.signatures import Signer


def new_signer() -> Signer:
    """Somebody with a key of their own."""
    return Signer(Ed25519PrivateKey.generate())


def write_signing_key(path: Path) -> Signer:
    """A new private key in a file. Gives who signs with it."""
    key = Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Signer(key)


def public(signer: Signer) -> dict[str, str]:
    """The public key, as it is registered."""
    return {signer.key_id: base64.b64encode(signer.public_key).decode()}


def write_api_keys(
    path: Path, signers: Mapping[str, Signer], providers: Mapping[str, Sequence[str]] | None = None
) -> Path:
    """The file of keys, with these subjects' signing keys; those with providers are upstream systems."""
    rows: list[dict[str, Any]] = [
        {"subject": subject, "roles": [], "signing_keys": public(signer)}
        for subject, signer in signers.items()
    ]
    for row in rows:
        if row["subject"] in (providers or {}):
            row |= {"roles": ["upstream"], "providers": list((providers or {})[row["subject"]])}
    path.write_text(yaml.safe_dump(rows))
    return path
