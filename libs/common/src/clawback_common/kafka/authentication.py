"""Authentication of records: Kafka records no sender, so a record is signed with a key that we know."""

from dataclasses import dataclass
from typing import Self

from clawback_common.config.settings import CommonSettings
from clawback_common.errors import Poison
from clawback_common.http.api_keys import ApiKeys, Caller
from clawback_contracts.cloudevents import Signed
from clawback_contracts.envelope import Event
from clawback_contracts.topics import load_topics


@dataclass(frozen=True, slots=True)
class Authentication:
    """The known keys, and whether records must be signed with one of them."""

    keys: ApiKeys
    required: bool = False
    """Records on a topic that only our services write must be signed by one of its writers."""

    @classmethod
    def of(cls, settings: CommonSettings) -> Self:
        """Create it from the settings of a process.

        Raises:
            Stop: the file of keys cannot be read.
        """
        return cls(ApiKeys(settings.api_keys_file), settings.enable_auth)

    @classmethod
    def none(cls) -> Self:
        """Return an instance that knows no keys and requires no signature."""
        return cls(ApiKeys.none())

    def sender(self, signed: Signed | None) -> Caller | None:
        """Return the signer; None when the record is not signed, or not with a key in our file."""
        found = self.keys.signer(signed.signature.key_id) if signed else None
        if signed is None or found is None:
            return None
        sender, public_key = found
        return sender if signed.by(public_key) else None

    def require(self, topic: str, event: Event, sender: Caller | None) -> None:
        """Refuse a record that is not signed by a writer of the topic, or not by the sender that it names.

        Raises:
            Poison: the signature is missing or belongs to another party.
        """
        known = load_topics().get(topic) if self.required else None
        if known is None or not known.signers:
            return
        if sender is None or sender.subject not in known.signers:
            raise Poison("not_authenticated", "no writer of this topic has signed it")
        if event.SENDER is not None and getattr(event, event.SENDER) != sender.subject:
            raise Poison("not_authenticated", f"its {event.SENDER} is not the signer")
