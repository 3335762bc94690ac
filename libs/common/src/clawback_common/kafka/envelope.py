"""CloudEvents in Kafka headers: written from an event, read from received records."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from clawback_common.http.api_keys import Caller
from clawback_contracts.envelope import Event
from clawback_contracts.signatures import Signature, Signer

Headers = list[tuple[str, bytes]]


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

    def headers(self, source: str, signer: Signer | None = None) -> Headers:
        """Return the headers of CloudEvents 1.0, Kafka binary binding, and a signature when there is a signer."""
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", str(self.event_id).encode()),
            ("ce_source", f"/clawback/{source}".encode()),
            ("ce_type", self.type.encode()),
            ("ce_time", self.at.isoformat().encode()),
            ("ce_subject", self.key.encode()),
            ("content-type", b"application/json"),
        ]
        if self.traceparent:
            headers.append(("traceparent", self.traceparent.encode()))
        if signer:
            headers.append(signer.sign(str(self.event_id), self.type, self.key, self.value))
        return headers


def read_headers(
    raw: Iterable[tuple[str, bytes | None]] | None, only: Container[str] | None = None
) -> dict[str, str]:
    """Return headers as text. Null and non-UTF-8 values are left out, as if they were missing.

    Args:
        raw: as the consumer returns them.
        only: the names that are wanted; None for all.
    """
    headers: dict[str, str] = {}
    for name, value in raw or ():
        if only is not None and name not in only:
            continue
        try:
            text = None if value is None else value.decode()
        except UnicodeDecodeError:
            text = None
        if text is not None:
            headers[name] = text
        else:  # the last of several with the same name counts
            headers.pop(name, None)
    return headers


class Signed(NamedTuple):
    """A signature, and the parts of the record that it covers."""

    signature: Signature
    content: bytes

    def by(self, public_key: bytes) -> bool:
        """Return whether the owner of this key signed it."""
        return self.signature.fits(public_key, self.content)


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
