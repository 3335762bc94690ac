"""Decodes raw records into events, each record independently: a bad record does not affect the others."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from aiokafka import ConsumerRecord
from pydantic import ValidationError

from clawback_common.errors import Poison
from clawback_common.kafka.authentication import Authentication
from clawback_common.kafka.envelope import Received
from clawback_common.messaging.quarantine import Bad, instant
from clawback_common.subjects import subjects_of
from clawback_common.telemetry import describe
from clawback_common.telemetry.tracing import valid_traceparent
from clawback_contracts.cloudevents import ID, TRACEPARENT, TYPE, Unreadable, attributes, event_of, signed
from clawback_contracts.envelope import Event
from clawback_contracts.signatures import HEADER

NEEDED = frozenset((ID, TYPE, TRACEPARENT, HEADER))
"""The headers that are read of a valid record; of an invalid one, all are kept."""
EVENT_ID_CHARS_MAX = 200
"""By contract the event id is a UUID; it becomes part of an index."""
VALUE_BYTES_MAX = 1_000_000
"""More than the contracts allow; a larger value is not parsed."""


class Decoder:
    """Decodes the events of one subscription by their type."""

    def __init__(
        self,
        group: str,
        events: Iterable[type[Event]],
        value_bytes_max: int = VALUE_BYTES_MAX,
        authentication: Authentication | None = None,
        *,
        content: bool = False,
    ) -> None:
        self._group = group
        self._content = content
        self._authentication = authentication or Authentication.none()
        self._value_bytes_max = value_bytes_max
        self._events = {event.TYPE: event for event in events}

    def decode(self, records: Iterable[ConsumerRecord[Any, Any]]) -> tuple[list[Received[Any]], list[Bad]]:
        """Return the records that can be decoded, in order, and those that cannot."""
        good: list[Received[Any]] = []
        bad: list[Bad] = []
        for record in records:
            headers = attributes(record.headers, only=NEEDED)
            try:
                value = self._value(record, headers)
                signature = signed(headers, record.key, record.value)
                sender = self._authentication.sender(signature)
                self._authentication.require(record.topic, value, sender)
            except Poison as error:
                bad.append(self.refused(record, error))
            except Exception as error:  # noqa: BLE001 - a record that breaks the decoder must not stop the others
                bad.append(self.refused(record, Poison("decode_failed", describe(error)[:500])))
            else:
                good.append(
                    Received(
                        value,
                        headers[ID],
                        valid_traceparent(headers.get(TRACEPARENT)),
                        record.topic,
                        record.partition,
                        record.offset,
                        sender,
                        signature,
                        record.timestamp,
                    )
                )
        return good, bad

    def refused(self, record: ConsumerRecord[Any, Any], error: Poison) -> Bad:
        """Return the unchanged record, for the quarantine."""
        headers = attributes(record.headers)
        sender = self._authentication.sender(signed(headers, record.key, record.value))
        subjects = subjects_of(record.key, record.value, content=self._content)
        return Bad(
            error,
            source=self._group,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            at=instant(record.timestamp),
            event_id=headers.get(ID),
            subjects=subjects.ids,
            identified=subjects.named_in_body or not self._content,
            type=headers.get(TYPE),
            key=record.key,
            value=record.value,
            headers=headers,
            sender=sender.subject if sender else None,
        )

    def _value(self, record: ConsumerRecord[Any, Any], headers: Mapping[str, str]) -> Event:
        if record.value is None:
            raise Poison("null_value")
        ce_id = headers.get(ID)
        if not ce_id:
            raise Poison("header_missing", "ce_id is missing, null or not UTF-8")
        if len(ce_id) > EVENT_ID_CHARS_MAX or "\0" in ce_id:
            raise Poison("header_invalid", f"ce_id has more than {EVENT_ID_CHARS_MAX} characters, or NUL")
        try:
            event = event_of(headers.get(TYPE), self._events)
        except Unreadable as error:
            raise Poison(error.reason, error.detail) from None
        if len(record.value) > self._value_bytes_max:
            raise Poison("value_too_large", f"{len(record.value)} bytes")
        try:
            value = event.model_validate_json(record.value)
        except ValidationError as error:
            raise Poison("value_invalid", describe(error).partition(": ")[2][:500]) from None
        if record.key is None or record.key != value.key.encode():
            raise Poison("key_mismatch", f"the record's key is not the event's {value.KEY}")
        # A single byte is found much faster than six, and many events contain no backslash.
        if b"\\" in record.value and b"\\u0000" in record.value and _holds_nul(orjson.loads(record.value)):
            raise Poison("nul_character", "a text holds the character NUL")
        return value


def _holds_nul(parsed: object) -> bool:
    """Return whether any text in it contains NUL, which PostgreSQL's text cannot store."""
    waiting = [parsed]
    while waiting:
        match waiting.pop():
            case str(text) if "\0" in text:
                return True
            case list(items):
                waiting += items
            case dict(fields):
                waiting += [*fields, *fields.values()]
            case _:
                pass
    return False
