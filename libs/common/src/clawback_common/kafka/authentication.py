"""Who a record is from: Kafka names nobody, so its signature does, made with a key that we know."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiokafka import ConsumerRecord

from clawback_common.config.settings import CommonSettings
from clawback_common.errors import Poison
from clawback_common.http.api_keys import ApiKeys, Caller
from clawback_common.kafka.envelope import Signed
from clawback_contracts.envelope import Event
from clawback_contracts.signatures import HEADER, Signature, signed_bytes
from clawback_contracts.topics import load_topics


@dataclass(frozen=True, slots=True)
class Authentication:
    """The keys that we know, and whether records need the signature of one."""

    keys: ApiKeys
    required: bool = False
    """A record on a topic that our services alone write must be signed by one of its writers."""

    @classmethod
    def of(cls, settings: CommonSettings) -> Self:
        """As a process is configured.

        Raises:
            Stop: the file of keys cannot be read.
        """
        return cls(ApiKeys(settings.api_keys_file), settings.enable_auth)

    @classmethod
    def none(cls) -> Self:
        """Nobody is known, and nobody has to be."""
        return cls(ApiKeys.none())

    def sender(self, signed: Signed | None) -> Caller | None:
        """Who signed a record; None when it is not signed, or not by a key in our file."""
        found = self.keys.signer(signed.signature.key_id) if signed else None
        if signed is None or found is None:
            return None
        sender, public_key = found
        return sender if signed.by(public_key) else None

    def require(self, topic: str, event: Event, sender: Caller | None) -> None:
        """Refuses a record that none of the topic's writers signed, or another than the one it names.

        Raises:
            Poison: it is not theirs.
        """
        known = load_topics().get(topic) if self.required else None
        if known is None or not known.signers:
            return
        if sender is None or sender.subject not in known.signers:
            raise Poison("not_authenticated", "no writer of this topic has signed it")
        if event.SENDER is not None and getattr(event, event.SENDER) != sender.subject:
            raise Poison("not_authenticated", f"its {event.SENDER} is not who signed it")


def signed_part(record: ConsumerRecord[Any, Any], headers: Mapping[str, str]) -> Signed | None:
    """A record's signature with what it is of; None when it has none that could fit."""
    signature = Signature.read(headers.get(HEADER))
    if signature is None or record.value is None:
        return None
    try:
        content = signed_bytes(
            headers.get("ce_id", ""), headers.get("ce_type", ""), (record.key or b"").decode(), record.value
        )
    except ValueError:
        return None
    return Signed(signature, content)
