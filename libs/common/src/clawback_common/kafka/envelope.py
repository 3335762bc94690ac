"""A message to send, and a record that was received."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from clawback_common.http.api_keys import Caller
from clawback_contracts import cloudevents
from clawback_contracts.cloudevents import Signed
from clawback_contracts.envelope import Event
from clawback_contracts.signatures import Signer


@dataclass(frozen=True, slots=True)
class Message:
    """An event that is ready to be sent."""

    event_id: UUID
    topic: str
    key: str
    type: str
    value: bytes
    at: datetime
    traceparent: str | None = None

    @classmethod
    def of(
        cls, event: Event, event_id: UUID, *, at: datetime, traceparent: str | None, topic: str | None = None
    ) -> "Message":
        """Wrap an event; ``topic`` is needed only where the name of the topic is not fixed."""
        value = event.model_dump_json(exclude_none=True).encode()
        return cls(event_id, topic or event.TOPIC, event.key, event.TYPE, value, at, traceparent)

    def headers(self, source: str, signer: Signer | None = None) -> list[tuple[str, bytes]]:
        """Return the headers of the record, and a signature when there is a signer."""
        return cloudevents.headers(
            self.event_id,
            f"/clawback/{source}",
            self.type,
            self.key,
            self.value,
            self.at,
            self.traceparent,
            signer,
        )


T_co = TypeVar("T_co", covariant=True)


class Received(NamedTuple, Generic[T_co]):
    """One decoded record and its position. A tuple, because one is created for every record."""

    value: T_co
    event_id: str
    traceparent: str | None
    topic: str
    partition: int
    offset: int
    sender: Caller | None = None
    """The owner of the signing key, when the key is in our file; else None."""
    signed: Signed | None = None
    """The signature, for consumers that know other keys."""
    timestamp_ms: int | None = None
    """The broker's timestamp of the record, in ms since the epoch; the same however often the record is read."""
    next_offset: int | None = None
    """Resume offset of the partition after this batch is committed; None: after the last record of the batch."""

    @property
    def identity(self) -> tuple[str, str]:
        """Return the event id with its signer: senders choose ids, so ids of two senders must not collide."""
        return self.sender.subject if self.sender else "", self.event_id


Batch = Sequence[Received[T_co]]


def traceparents(batch: Batch[object]) -> list[str]:
    """Return the distinct trace contexts of a batch, in order of arrival."""
    return list(dict.fromkeys(one.traceparent for one in batch if one.traceparent))
