"""The published vectors match our code, and match an independent computation from their descriptions."""

import base64
import hashlib
import json
from typing import Any
from uuid import UUID, uuid5

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clawback_contracts.envelope import NAMESPACE, event_id
from clawback_contracts.holder.answers import receipt_id
from clawback_contracts.signatures import Signer
from contracts.generator.files import CONTRACTS


def published(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CONTRACTS / "vectors" / f"{name}.json").read_text())
    assert len(found["vectors"]) > 1
    return found


RECEIPTS, SIGNATURES, EVENTS = published("receipt_ids"), published("signatures"), published("event_ids")


@pytest.mark.parametrize("one", RECEIPTS["vectors"])
def test_a_receipt_id_matches_its_vector(one: dict[str, Any]) -> None:
    expected = UUID(one["receipt_id"])
    assert receipt_id(one["article_id"], one["order"], one["holder"], one["attempt"]) == expected
    name = f"receipt\x1f{one['article_id']}\x1f{one['order']}\x1f{one['holder']}\x1f{one['attempt']}"
    assert name == one["name"]
    assert uuid5(UUID(RECEIPTS["namespace"]), name) == expected


@pytest.mark.parametrize("one", EVENTS["vectors"])
def test_an_event_id_matches_its_vector(one: dict[str, Any]) -> None:
    assert "\x1f".join(str(part) for part in one["parts"]) == one["name"]
    assert event_id(*one["parts"]) == uuid5(UUID(EVENTS["namespace"]), one["name"]) == UUID(one["id"])


def test_the_namespace_is_the_one_of_all_our_ids() -> None:
    assert RECEIPTS["namespace"] == EVENTS["namespace"] == str(NAMESPACE)


@pytest.mark.parametrize("one", SIGNATURES["vectors"])
def test_a_signature_matches_its_vector(one: dict[str, str]) -> None:
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(SIGNATURES["private_key"]))
    public = private.public_key().public_bytes_raw()
    assert base64.b64encode(public).decode() == SIGNATURES["public_key"]
    assert hashlib.sha256(public).hexdigest()[:16] == SIGNATURES["key_id"]
    value = one["value"].encode()
    lines = ("clawback-v1", one["ce_id"], one["ce_type"], one["key"], hashlib.sha256(value).hexdigest())
    assert "\n".join(lines) == one["signed"]
    signature = base64.urlsafe_b64encode(private.sign(one["signed"].encode())).rstrip(b"=").decode()
    assert one["header"] == f"{SIGNATURES['key_id']}:{signature}"
    signed = Signer(private).sign(one["ce_id"], one["ce_type"], one["key"], value)
    assert signed == ("clawback-signature", one["header"].encode())
