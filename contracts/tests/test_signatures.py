"""Signatures of records: the signed bytes are fixed, because other implementations compute them too."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clawback_contracts.signatures import HEADER, Signature, Signer, public_key, signed_bytes

CE_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
CE_TYPE = "clawback.revocation.removed.v1"
KEY = "metabase:123"
VALUE = b'{"article_id":"metabase:123"}'
SEED = bytes(range(32))
SIGNED = (
    b"clawback-v1\n0f8fad5b-d9cb-469f-a165-70867728950e\nclawback.revocation.removed.v1\nmetabase:123\n"
    b"21b87f4e165b34104bdbfe13f3c6f83a1f635fbea2b3b58049cd88c668318027"
)
PUBLIC_KEY = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
HEADER_VALUE = (
    b"56475aa75463474c:e5YM8yV1v2yxyUZHGxCLcHpBIFXq2SAbid9VQmjDgr8Xp_OHcUIsOXr0ge7g6ck5M5SGTi7x6tO8dggbRR8BCA"
)
CHANGES = [
    ("other", CE_TYPE, KEY, VALUE),
    (CE_ID, "clawback.revocation.noticed.v1", KEY, VALUE),
    (CE_ID, CE_TYPE, "metabase:124", VALUE),
    (CE_ID, CE_TYPE, KEY, VALUE + b" "),
]


@pytest.fixture
def signer() -> Signer:
    """With a known key."""
    return Signer(Ed25519PrivateKey.from_private_bytes(SEED))


def test_the_vectors_match_for_other_languages(signer: Signer) -> None:
    assert signed_bytes(CE_ID, CE_TYPE, KEY, VALUE) == SIGNED
    assert base64.b64encode(signer.public_key).decode() == PUBLIC_KEY
    assert signer.sign(CE_ID, CE_TYPE, KEY, VALUE) == (HEADER, HEADER_VALUE)
    signature = Signature.read(HEADER_VALUE.decode())
    assert signature is not None
    assert signature.key_id == signer.key_id
    assert signature.fits(public_key(PUBLIC_KEY), SIGNED)


@pytest.mark.parametrize("changed", CHANGES)
def test_a_record_changed_in_one_part_does_not_match_its_signature(
    signer: Signer, changed: tuple[str, str, str, bytes]
) -> None:
    signature = Signature.read(HEADER_VALUE.decode())
    assert signature is not None
    assert not signature.fits(signer.public_key, signed_bytes(*changed))


def test_another_key_does_not_match_the_signature() -> None:
    signature = Signature.read(HEADER_VALUE.decode())
    assert signature is not None
    assert not signature.fits(Ed25519PrivateKey.generate().public_key().public_bytes_raw(), SIGNED)
    assert not signature.fits(b"short", SIGNED)


def test_a_line_break_cannot_move_the_boundary_between_two_fields() -> None:
    for fields in (("a\nb", "c", "d"), ("a", "b\nc", "d"), ("a", "b", "c\nd")):
        with pytest.raises(ValueError, match="line break"):
            signed_bytes(*fields, b"")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        ":",
        "id",
        "id:",
        ":" + "A" * 86,
        "id:AAAA",
        "id:" + "A" * 87,
        "id:" + "*" * 86,
        "ä:" + "A" * 86,
        "id:" + "A" * 400,
    ],
)
def test_a_malformed_signature_is_none(header: str | None) -> None:
    assert Signature.read(header) is None


def test_a_key_is_read_from_a_pem_file_and_an_invalid_one_is_refused(tmp_path: Path, signer: Signer) -> None:
    file = tmp_path / "key.pem"
    private = Ed25519PrivateKey.from_private_bytes(SEED)
    file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert Signer.of(file).key_id == signer.key_id
    file.write_text("none")
    with pytest.raises(ValueError, match=r"key\.pem is not an unencrypted Ed25519 private key"):
        Signer.of(file)


@pytest.mark.parametrize("text", ["", "c2hvcnQ=", "not base64!"])
def test_an_invalid_public_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        public_key(text)
