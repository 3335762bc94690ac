"""Signatures of records: Kafka records no sender, so an Ed25519 signature in a header authenticates it.

``python -m clawback_contracts.signatures KEY.pem`` prints the public key of a private key in the registration format.
Create a private key with ``openssl genpkey -algorithm ed25519``.
"""

import base64
import binascii
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AfterValidator, Field

HEADER = "clawback-signature"
"""``<key_id>:<base64url signature>``"""
KEY_BYTES, SIGNATURE_BYTES = 32, 64
KEY_ID_PATTERN = r"^[A-Za-z0-9._-]{1,64}$"
_HEADER_BYTES_MAX = 256


def _is_public_key(text: str) -> str:
    public_key(text)
    return text


def public_key(text: str) -> bytes:
    """Return a public key from its text.

    Raises:
        ValueError: it is not 32 bytes in base64.
    """
    try:
        found = base64.b64decode(text, validate=True)
    except binascii.Error:
        found = b""
    if len(found) != KEY_BYTES:
        raise ValueError("a public key is 32 bytes in base64")
    return found


KeyId = Annotated[str, Field(pattern=KEY_ID_PATTERN)]
PublicKey = Annotated[str, Field(max_length=64), AfterValidator(_is_public_key)]


@dataclass(frozen=True, slots=True)
class Signature:
    """The content of the header: the key id and the signature."""

    key_id: str
    signature: bytes

    @classmethod
    def read(cls, header: str | None) -> "Signature | None":
        """Return the signature in a header; None when it is missing or malformed."""
        if header is None or len(header) > _HEADER_BYTES_MAX or not header.isascii():
            return None
        key_id, _, text = header.partition(":")
        try:
            found = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except binascii.Error:
            return None
        return cls(key_id, found) if key_id and len(found) == SIGNATURE_BYTES else None

    @property
    def header(self) -> str:
        """The value of the header."""
        return f"{self.key_id}:{base64.urlsafe_b64encode(self.signature).rstrip(b'=').decode()}"

    def fits(self, key: bytes, signed: bytes) -> bool:
        """Return whether the signature is valid for this public key."""
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(self.signature, signed)
        except (InvalidSignature, ValueError):
            return False
        return True


def signed_bytes(ce_id: str, ce_type: str, key: str, value: bytes) -> bytes:
    """Return the signed bytes of a record: its id, its type, its key and its value.

    Raises:
        ValueError: one of them contains a line break, which is the separator.
    """
    lines = (ce_id, ce_type, key)
    if any("\n" in line for line in lines):
        raise ValueError("a signed part contains a line break")
    return "\n".join(("clawback-v1", *lines, hashlib.sha256(value).hexdigest())).encode()


class Signer:
    """Signs records with one private key."""

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self.public_key = private_key.public_key().public_bytes_raw()
        self.key_id = hashlib.sha256(self.public_key).hexdigest()[:16]
        """A fingerprint of the key, so that a key cannot be registered under a wrong id."""

    @classmethod
    def of(cls, file: Path) -> "Signer":
        """Create it with the key in a PEM file (PKCS #8).

        Raises:
            ValueError: the file is not an unencrypted Ed25519 private key.
            OSError: it cannot be read.
        """
        try:
            key = load_pem_private_key(file.read_bytes(), password=None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{file} is not an unencrypted Ed25519 private key in PEM")  # noqa: TRY004 - of a file
        return cls(key)

    def sign(self, ce_id: str, ce_type: str, key: str, value: bytes) -> tuple[str, bytes]:
        """Return the header to send with the record."""
        signed = self._private_key.sign(signed_bytes(ce_id, ce_type, key, value))
        return HEADER, Signature(self.key_id, signed).header.encode()


if __name__ == "__main__":
    signer = Signer.of(Path(sys.argv[1]))
    sys.stdout.write(f"{signer.key_id}: {base64.b64encode(signer.public_key).decode()}\n")
