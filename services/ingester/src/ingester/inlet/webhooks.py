"""Standard Webhooks: who may push, and is it really them."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import yaml

from clawback_common.errors import Stop
from clawback_common.http.problem import Problem

TOLERANCE = timedelta(minutes=5)
ID_CHARS_MAX = 200


class WebhookSecrets:
    """One or two secrets a provider, so that one can be replaced without a gap."""

    def __init__(self, path: Path | None) -> None:
        try:
            listed = yaml.safe_load(path.read_text(encoding="utf-8")) if path else {}
            self._by_provider: Mapping[str, Sequence[bytes]] = {
                provider: [_secret(one) for one in secrets] for provider, secrets in (listed or {}).items()
            }
        except (OSError, AttributeError, TypeError, ValueError, yaml.YAMLError):
            raise Stop(
                f"WEBHOOK_SECRETS {path} cannot be used: it maps a provider to a list of whsec_… secrets"
            ) from None

    def verify(self, provider: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """The webhook's id.

        Raises:
            Problem: 404 an unknown provider, 401 a missing, late or wrong signature.
        """
        secrets = self._by_provider.get(provider)
        if secrets is None:
            raise Problem(404, "No webhook of this provider is known here.")
        webhook_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not 0 < len(webhook_id) <= ID_CHARS_MAX or not stamp.isascii() or not stamp.isdigit():
            raise Problem(401, "The headers webhook-id, webhook-timestamp and webhook-signature are needed.")
        if abs(now.timestamp() - int(stamp[:15])) > TOLERANCE.total_seconds():
            raise Problem(401, "The webhook's timestamp is more than 5 minutes off.")
        signed = f"{webhook_id}.{stamp}.".encode() + body
        given = [
            part.partition(",")[2]
            for part in headers.get("webhook-signature", "").split()
            if part.startswith("v1,")
        ]
        if not any(_matches(secret, signed, signature) for secret in secrets for signature in given):
            raise Problem(401, "The webhook's signature does not fit.")
        return webhook_id


def sign(secret: str, webhook_id: str, stamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``, for who pushes."""
    signed = f"{webhook_id}.{stamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_secret(secret), signed, hashlib.sha256)).decode()


def _matches(secret: bytes, signed: bytes, signature: str) -> bool:
    expected = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256))
    return hmac.compare_digest(expected, signature.encode())


def _secret(text: str) -> bytes:
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
