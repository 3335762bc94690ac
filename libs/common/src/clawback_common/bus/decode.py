"""From raw records to events, each for itself: a bad one never takes a neighbour with it."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from aiokafka import ConsumerRecord
from pydantic import TypeAdapter, ValidationError

from clawback_common.bus.authentication import Authentication, signed_part
from clawback_common.bus.envelope import Received, read_headers
from clawback_common.errors import Poison
from clawback_common.quarantine import Bad, instant
from clawback_common.telemetry import describe
from clawback_contracts.envelope import Event, major
from clawback_contracts.signatures import HEADER

NEEDED = ("ce_id", "ce_type", "traceparent", HEADER)
"""Headers of a good record that are read at all; of a bad one, all are kept."""
SUBJECT_MAX = 500
VALUE_BYTES_MAX = 1_000_000
"""Above what contracts allow; such a value is not even parsed."""


class Decoder:
    """Knows the events of one subscription by their type."""

    def __init__(
        self,
        group: str,
        events: Iterable[type[Event]],
        value_bytes_max: int = VALUE_BYTES_MAX,
        authentication: Authentication | None = None,
    ) -> None:
        self._group = group
        self._authentication = authentication or Authentication.none()
        self._value_bytes_max = value_bytes_max
        self._adapters: Mapping[str, TypeAdapter[Any]] = {event.TYPE: TypeAdapter(event) for event in events}
        self._names = {name_version[0] for type_ in self._adapters if (name_version := major(type_))}

    def decode(self, records: Iterable[ConsumerRecord[Any, Any]]) -> tuple[list[Received[Any]], list[Bad]]:
        """The records that could be read, in order, and those that could not."""
        good: list[Received[Any]] = []
        bad: list[Bad] = []
        for record in records:
            headers = read_headers(record.headers, only=NEEDED)
            try:
                value = self._value(record, headers)
                signed = signed_part(record, headers) if HEADER in headers else None
                sender = self._authentication.sender(signed)
                self._authentication.require(record.topic, value, sender)
            except Poison as error:
                bad.append(_bad(self._group, record, read_headers(record.headers), error))
            else:
                good.append(
                    Received(
                        value,
                        headers["ce_id"],
                        headers.get("traceparent"),
                        record.topic,
                        record.partition,
                        record.offset,
                        sender,
                        signed,
                    )
                )
        return good, bad

    def _value(self, record: ConsumerRecord[Any, Any], headers: Mapping[str, str]) -> Event:
        if record.value is None:
            raise Poison("null_value")
        if not headers.get("ce_id"):
            raise Poison("header_missing", "ce_id is missing, null or not UTF-8")
        adapter = self._adapter(headers.get("ce_type"))
        if len(record.value) > self._value_bytes_max:
            raise Poison("value_too_large", f"{len(record.value)} bytes")
        try:
            value: Event = adapter.validate_json(record.value)
        except ValidationError as error:
            raise Poison("value_invalid", describe(error).partition(": ")[2][:500]) from None
        if record.key is None or record.key != value.key.encode():
            raise Poison("key_mismatch", f"the record's key is not the event's {value.KEY}")
        return value

    def _adapter(self, ce_type: str | None) -> TypeAdapter[Any]:
        if not ce_type:
            raise Poison("header_missing", "ce_type is missing, null or not UTF-8")
        adapter = self._adapters.get(ce_type)
        if adapter is not None:
            return adapter
        name_version = major(ce_type)
        if name_version and name_version[0] in self._names:
            raise Poison("version_unknown", f"major version {name_version[1]} of a type known here")
        raise Poison("type_unknown", "ce_type is none that this topic carries")


def _bad(group: str, record: ConsumerRecord[Any, Any], headers: Mapping[str, str], error: Poison) -> Bad:
    return Bad(
        error,
        source=group,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        at=instant(record.timestamp),
        event_id=headers.get("ce_id"),
        subject=_subject(record),
        type=headers.get("ce_type"),
        key=record.key,
        value=record.value,
        headers=headers,
    )


def _subject(record: ConsumerRecord[Any, Any]) -> str | None:
    """What the record speaks of: its key, else the id that its body names."""
    if record.key:
        try:
            key: str = record.key.decode()
        except UnicodeDecodeError:
            return None
        return _storable(key)
    try:
        body = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        return None
    subject = body.get("article_id") if isinstance(body, dict) else None
    return _storable(subject) if isinstance(subject, str) else None


def _storable(subject: str) -> str:
    """As a database can keep and index it: whoever sends a key must not be able to stop a lane with it."""
    return subject.replace("\0", "\ufffd")[:SUBJECT_MAX]
