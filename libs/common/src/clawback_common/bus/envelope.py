"""CloudEvents in Kafka headers: written from an event, read from whatever arrived."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from clawback_contracts.envelope import Event

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
        """Wraps an event; ``topic`` only where its name is not fixed."""
        value = event.model_dump_json(exclude_none=True).encode()
        return cls(event_id, topic or event.TOPIC, event.key, event.TYPE, value, at, traceparent)

    def headers(self, source: str) -> Headers:
        """CloudEvents 1.0, Kafka binary binding."""
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
        return headers


def read_headers(
    raw: Iterable[tuple[str, bytes | None]] | None, only: Iterable[str] | None = None
) -> dict[str, str]:
    """Headers as text. Null and non-UTF-8 values are left out, so that what needs one finds it missing.

    Args:
        raw: as the consumer gives them.
        only: the names that are wanted; None: all.
    """
    headers: dict[str, str] = {}
    last = dict(raw or ())
    for name in last if only is None else only:
        value = last.get(name)
        if value is not None:
            try:
                headers[name] = value.decode()
            except UnicodeDecodeError:
                continue
    return headers


T_co = TypeVar("T_co", covariant=True)


class Received(NamedTuple, Generic[T_co]):
    """One record that could be read, and where it lay. A tuple: it is made for every record."""

    value: T_co
    event_id: str
    traceparent: str | None
    topic: str
    partition: int
    offset: int


Batch = Sequence[Received[T_co]]


def traceparents(batch: Batch[object]) -> list[str]:
    """The distinct trace contexts of a batch, in order of arrival."""
    return list(dict.fromkeys(one.traceparent for one in batch if one.traceparent))
