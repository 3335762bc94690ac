"""The sender of a record, as the decoder determines it."""

import base64
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clawback_common.errors import Poison
from clawback_common.http.api_keys import ApiKeys
from clawback_common.kafka.authentication import Authentication
from clawback_common.kafka.decode import Decoder
from clawback_common.kafka.envelope import Message
from clawback_contracts.alert.v1 import AlertRaised, Severity, fingerprint
from clawback_contracts.envelope import Event
from clawback_contracts.revocation.v1 import ArticleReinstated, Reason, RevocationNoticed
from clawback_contracts.signatures import HEADER, Signer

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NOTICE = RevocationNoticed(
    notice_id=uuid4(), article_id="metabase:1", reason=Reason.LICENSOR, noticed_by="up", noticed_at=NOW
)
ALERT = AlertRaised(
    fingerprint=fingerprint("retention", "FeedStopped", {}),
    name="FeedStopped",
    service="retention",
    severity=Severity.CRITICAL,
    summary="It stopped.",
    raised_at=NOW,
)
SIGNERS = {
    name: Signer(Ed25519PrivateKey.generate())
    for name in ("retention", "ingester", "compliance", "lex", "nobody")
}


@pytest.fixture
def authentication(tmp_path: Path) -> Authentication:
    """Authentication that is required and knows all keys but one."""
    rows: list[dict[str, Any]] = [
        {
            "subject": name,
            "roles": ["licensor"] if name == "lex" else [],
            "providers": ["metabase"] if name == "lex" else [],
            "signing_keys": {signer.key_id: base64.b64encode(signer.public_key).decode()},
        }
        for name, signer in SIGNERS.items()
        if name != "nobody"
    ]
    path = tmp_path / "keys.yaml"
    path.write_text(yaml.safe_dump(rows))
    return Authentication(ApiKeys(path), required=True)


def record(event: Event, signer: Signer | None, **changed: Any) -> Any:
    """Return the record as on the topic, changed after it was signed."""
    message = Message.of(event, uuid4(), at=NOW, traceparent=None)
    headers = message.headers("test", signer)
    fields = {
        "topic": event.TOPIC,
        "partition": 0,
        "offset": 7,
        "timestamp": None,
        "key": message.key.encode(),
        "value": message.value,
        "headers": headers,
    }
    return SimpleNamespace(**(fields | changed))


def decode(event: Event, one: Any, authentication: Authentication) -> Any:
    """Return the decoded record, or the error."""
    good, bad = Decoder("group", [type(event)], authentication=authentication).decode([one])
    return good[0] if good else bad[0].error.reason


def test_a_signed_record_has_its_sender(authentication: Authentication) -> None:
    found = decode(NOTICE, record(NOTICE, SIGNERS["lex"]), authentication)
    assert (found.sender.subject, found.sender.acts_for("metabase")) == ("lex", True)


def test_an_unknown_or_missing_signer_is_none(authentication: Authentication) -> None:
    other = NOTICE.model_copy(update={"article_id": "metabase:2"}).model_dump_json(exclude_none=True).encode()
    signed = record(NOTICE, SIGNERS["lex"])
    for one in (
        record(NOTICE, None),
        record(NOTICE, SIGNERS["nobody"]),
        record(NOTICE, None, headers=[*record(NOTICE, None).headers, (HEADER, b"none")]),
        record(NOTICE, SIGNERS["lex"], value=signed.value + b" "),
        record(NOTICE, SIGNERS["lex"], value=other, key=b"metabase:2"),
        record(NOTICE, None, headers=[*record(NOTICE, None).headers, signed.headers[-1]]),
    ):
        found = decode(NOTICE, one, authentication)
        assert found.sender is None
        assert found.value.notice_id == NOTICE.notice_id


@pytest.mark.parametrize(("signer", "sender"), [("lex", "lex"), ("nobody", None), (None, None)])
def test_an_unreadable_record_has_its_sender_too(
    authentication: Authentication, signer: str | None, sender: str | None
) -> None:
    value, message = b"{}", Message.of(NOTICE, uuid4(), at=NOW, traceparent=None)
    headers = replace(message, value=value).headers("test", SIGNERS[signer] if signer else None)
    one = record(NOTICE, None, value=value, headers=headers)
    _, (bad,) = Decoder("group", [RevocationNoticed], authentication=authentication).decode([one])
    assert (bad.error.reason, bad.sender) == ("value_invalid", sender)


def test_a_signature_stays_with_the_record_for_consumers_with_other_keys(
    authentication: Authentication,
) -> None:
    found = decode(NOTICE, record(NOTICE, SIGNERS["nobody"]), authentication)
    assert found.signed.by(SIGNERS["nobody"].public_key)
    assert not found.signed.by(SIGNERS["lex"].public_key)


def test_a_quarantined_record_is_still_signed_when_it_is_retried(authentication: Authentication) -> None:
    loose = record(NOTICE, None).value.replace(b'","', b'" , "')
    message = Message.of(NOTICE, uuid4(), at=NOW, traceparent=None)
    headers = replace(message, value=loose).headers("t", SIGNERS["lex"])
    first = record(NOTICE, None, value=loose, headers=headers)
    row = Decoder("g", [type(NOTICE)]).refused(first, Poison("refused_here"))
    again = record(
        NOTICE, None, value=row.value, headers=[(name, text.encode()) for name, text in row.headers.items()]
    )
    assert decode(NOTICE, again, authentication).sender.subject == "lex"


@pytest.mark.parametrize("signer", [None, "nobody", "lex", "ingester"])
def test_a_record_on_an_internal_topic_must_be_signed_by_its_named_sender(
    signer: str | None, authentication: Authentication
) -> None:
    one = record(ALERT, SIGNERS[signer] if signer else None)
    assert decode(ALERT, one, authentication) == "not_authenticated"
    assert decode(ALERT, one, replace(authentication, required=False)).value == ALERT
    assert decode(ALERT, record(ALERT, SIGNERS["retention"]), authentication).value == ALERT


@pytest.mark.parametrize(
    ("signer", "read_as"),
    [("compliance", None), (None, "not_authenticated"), ("ingester", "not_authenticated")],
)
def test_an_order_is_accepted_from_compliance_only(
    signer: str | None, read_as: str | None, authentication: Authentication
) -> None:
    order = ArticleReinstated(article_id="metabase:1", order=2, revocation_id=uuid4(), ordered_at=NOW)
    found = decode(order, record(order, SIGNERS[signer] if signer else None), authentication)
    assert found == read_as if read_as else found.value == order
