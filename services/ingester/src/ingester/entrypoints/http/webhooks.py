"""Standard Webhooks: the sender is verified, and the raw body is stored in the queue."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from clawback_common.config.yaml_file import FileError, read_file
from clawback_common.errors import Stop
from clawback_common.http.problem import Problem
from clawback_common.telemetry import traceparent
from ingester.entrypoints.http.bodies import REVOKED, TOO_OLD, validate_items
from ingester.storage import articles
from ingester.storage import deliveries as state
from ingester.use_cases.service import Service

TOLERANCE = timedelta(minutes=5)
ID_CHARS_MAX = 200
SIGNATURES_MAX = 5
"""A sender that rotates its secret sends two."""
WRONG = "The webhook's signature does not match, or the provider has no webhooks here."


@dataclass(frozen=True, slots=True)
class Unverified:
    """The headers of a webhook, not trusted before the body is verified."""

    webhook_id: str
    _signed_prefix: bytes
    _secrets: Sequence[bytes]
    _signatures: Sequence[bytes]

    def verify(self, body: bytes) -> str:
        """Returns the webhook's id.

        Raises:
            Problem: 401 if no signature matches.
        """
        signed = self._signed_prefix + body
        fits = [
            hmac.compare_digest(expected, signature)
            for expected in [_digest(secret, signed) for secret in self._secrets]
            for signature in self._signatures
        ]
        if not any(fits):
            raise Problem(401, WRONG)
        return self.webhook_id


class WebhookSecrets:
    """One or two secrets per provider, so that one can be rotated without interruption."""

    def __init__(self, path: Path | None) -> None:
        self._nobody = (secrets.token_bytes(32),)
        try:
            listed = read_file(path, dict[str, list[Secret]]) if path else {}
        except FileError as error:
            raise Stop(
                f"WEBHOOK_SECRETS is not valid. It maps a provider to a list of whsec_… secrets:\n{error}"
            ) from None
        self._by_provider: Mapping[str, Sequence[bytes]] = listed

    def claimed(self, provider: str, headers: Mapping[str, str], now: datetime) -> Unverified:
        """Reads the headers, before any of the body is read.

        An unknown provider is treated as a known one whose signature never matches, so that nobody can find out names.

        Raises:
            Problem: 401 if headers are missing, late or too many.
        """
        webhook_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not 0 < len(webhook_id) <= ID_CHARS_MAX or not stamp.isascii() or not stamp.isdigit():
            raise Problem(
                401, "The headers webhook-id, webhook-timestamp and webhook-signature are required."
            )
        if abs(now.timestamp() - int(stamp[:15])) > TOLERANCE.total_seconds():
            raise Problem(401, "The webhook's timestamp is more than 5 minutes from the current time.")
        signatures = [
            part.partition(",")[2].encode()
            for part in headers.get("webhook-signature", "").split()
            if part.startswith("v1,")
        ]
        if not 0 < len(signatures) <= SIGNATURES_MAX:
            raise Problem(401, f"webhook-signature must have 1 to {SIGNATURES_MAX} signatures of version v1.")
        prefix = f"{webhook_id}.{stamp}.".encode()
        return Unverified(webhook_id, prefix, self._by_provider.get(provider, self._nobody), signatures)


def sign(secret: str, webhook_id: str, stamp: int, body: bytes) -> str:
    """Returns the value of ``webhook-signature``, for senders."""
    signed = f"{webhook_id}.{stamp}.".encode() + body
    return "v1," + _digest(_secret(secret), signed).decode()


def _digest(secret: bytes, signed: bytes) -> bytes:
    return base64.b64encode(hmac.digest(secret, signed, hashlib.sha256))


def _secret(text: str) -> bytes:
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (AttributeError, ValueError):
        raise ValueError("a secret is whsec_ followed by base64") from None


Secret = Annotated[bytes, BeforeValidator(_secret)]


async def accept(
    service: Service, provider: str, unverified: Unverified, body: bytes
) -> tuple[int, dict[str, Any]]:
    """Verifies and stores a webhook. Returns 202, or 200 for a repeated one.

    Raises:
        Problem: 401 or 422, see ``Unverified`` and ``validate_items``; 409: the id is known with another body.
    """
    now = service.clock.now()
    webhook_id = unverified.verify(body)
    sha256 = hashlib.sha256(body).digest()
    known = await state.known(service.db, provider, webhook_id)
    if known is None:
        validated = validate_items(body, (provider,), standard=True)
        validated = validated.without(
            await articles.too_old(service.db, validated.accepted, now), TOO_OLD
        ).require_some()
        ids = [article.article_id for article in validated.accepted]
        answer = validated.without(await articles.revoked(service.db, ids), REVOKED).answer(webhook_id)
        if await state.insert(service.db, provider, webhook_id, body, sha256, answer, traceparent(), now):
            return 202, answer
        known = await state.known(service.db, provider, webhook_id)
    if known is None or known.body_sha256 != sha256:
        raise Problem(409, "This webhook-id was used for another body.")
    return 200, known.answer
