"""The verification of a webhook's sender has a bounded cost."""

import hmac
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clawback_common.http.problem import Problem
from ingester.entrypoints.http.webhooks import SIGNATURES_MAX, WebhookSecrets, sign

SECRETS = ("whsec_b25l", "whsec_dHdv")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
STAMP = int(NOW.timestamp())
BODY = b"{}"


@pytest.fixture
def secrets(tmp_path: Path) -> WebhookSecrets:
    """The secrets of one partner that rotates its secret."""
    file = tmp_path / "secrets.yaml"
    file.write_text(f"partner: [{', '.join(SECRETS)}]")
    return WebhookSecrets(file)


@pytest.fixture
def digests(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The secrets with which a body was hashed."""
    used: list[bytes] = []
    digest = hmac.digest

    def counted(key: bytes, message: Any, name: Any) -> bytes:
        used.append(key)
        return digest(key, message, name)

    monkeypatch.setattr(hmac, "digest", counted)
    return used


def _headers(signatures: list[str]) -> dict[str, str]:
    return {
        "webhook-id": "w1",
        "webhook-timestamp": str(STAMP),
        "webhook-signature": " ".join(signatures),
    }


@pytest.mark.parametrize("secret", SECRETS)
def test_a_body_is_hashed_once_per_secret_however_many_signatures_are_sent(
    secret: str, secrets: WebhookSecrets, digests: list[bytes]
) -> None:
    wrong = ["v1,d3Jvbmc="] * (SIGNATURES_MAX - 1)
    headers = _headers([*wrong, sign(secret, "w1", STAMP, BODY)])
    digests.clear()
    assert secrets.claimed("partner", headers, NOW).verify(BODY) == "w1"
    assert digests == [b"one", b"two"]


@pytest.mark.parametrize("signatures", [[], ["v2,eA=="], ["v1,eA=="] * (SIGNATURES_MAX + 1)])
def test_no_signature_and_too_many_are_refused_before_the_body_is_read(
    signatures: list[str], secrets: WebhookSecrets, digests: list[bytes]
) -> None:
    with pytest.raises(Problem, match="signatures"):
        secrets.claimed("partner", _headers(signatures), NOW)
    assert digests == []


def test_an_unknown_provider_has_the_cost_and_response_of_a_wrong_signature(secrets: WebhookSecrets) -> None:
    headers = _headers(["v1,eA=="])
    responses = []
    for provider in ("partner", "nobody"):
        unverified = secrets.claimed(provider, headers, NOW)
        with pytest.raises(Problem) as refused:
            unverified.verify(BODY)
        responses.append((refused.value.status, refused.value.detail))
    assert responses[0] == responses[1]
