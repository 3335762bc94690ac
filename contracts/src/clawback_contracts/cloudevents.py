"""CloudEvents 1.0 in Kafka's binary binding: the attributes are headers, the event is the JSON body."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from pydantic import ValidationError

from clawback_contracts.envelope import Event, major
from clawback_contracts.registry import EVENTS
from clawback_contracts.signatures import Signer
from clawback_contracts.topics import topic_named

Headers = Iterable[tuple[str, bytes | None]]


class Unreadable(ValueError):
    """Not a known event. Contains the rule that was violated, never the value that violated it."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Message(TypedDict):
    """The arguments of a Kafka producer's ``send``."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def write(
    event: Event,
    ce_id: UUID,
    source: str,
    time: datetime,
    cause: Headers = (),
    signer: Signer | None = None,
) -> Message:
    """Return the event as a record from ``source``; it joins the trace in the headers of its cause.

    ``signer``: signs the record, so that consumers can authenticate the sender.
    """
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": str(ce_id),
        "ce_source": source,
        "ce_type": event.TYPE,
        "ce_time": time.isoformat(),
        "ce_subject": event.key,
        "content-type": "application/json",
    }
    if (traceparent := attribute(cause, "traceparent")) is not None:
        attributes["traceparent"] = traceparent
    value = event.model_dump_json().encode()
    headers = [(name, text.encode()) for name, text in attributes.items()]
    if signer is not None:
        headers.append(signer.sign(str(ce_id), event.TYPE, event.key, value))
    return Message(topic=event.TOPIC, key=event.key.encode(), value=value, headers=headers)


def attribute(headers: Headers, name: str) -> str | None:
    """Return one header as text; None when it is missing or not UTF-8."""
    for found, value in headers:
        if found == name and value is not None:
            try:
                return value.decode()
            except UnicodeDecodeError:
                return None
    return None


def _of_a_writer(topic: str, ce_type: str) -> bool:
    """Return whether this is a single-writer topic for events of this type."""
    known = topic_named(topic)
    return known is not None and ce_type in known.events


def read(topic: str, headers: Headers, value: bytes | None) -> Event:
    """Return the event in a Kafka record, without unknown fields, or raise ``Unreadable``."""
    ce_type = attribute(headers, "ce_type")
    if ce_type is None or major(ce_type) is None:
        raise Unreadable("bad_headers", "ce_type is missing, or has no major version")
    if ce_type not in EVENTS:
        raise Unreadable("unknown_type", "ce_type is an unknown event or an unknown major version")
    if not topic.endswith(EVENTS[ce_type].TOPIC.removeprefix("{group}")) and not _of_a_writer(topic, ce_type):
        raise Unreadable("wrong_topic", "this event does not belong on this topic")
    if value is None:
        raise Unreadable("null_value", "an event has a body")
    try:
        return EVENTS[ce_type].model_validate_json(value)
    except ValidationError as error:
        broken = error.errors(include_input=False, include_url=False, include_context=False)[:5]
        rules = "; ".join(f"{'.'.join(map(str, rule['loc'])) or 'body'}: {rule['type']}" for rule in broken)
        raise Unreadable("bad_body", rules) from None
