"""CloudEvents 1.0 in Kafka's binary binding: the attributes are headers, the event is the JSON body.

The only code that writes or reads these headers.
"""

from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple, TypedDict
from uuid import UUID

from pydantic import ValidationError

from clawback_contracts.envelope import Event, major
from clawback_contracts.registry import EVENTS
from clawback_contracts.signatures import HEADER, Signature, Signer, signed_bytes
from clawback_contracts.topics import topic_named

ID, TYPE, TRACEPARENT = "ce_id", "ce_type", "traceparent"
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
    value = event.model_dump_json().encode()
    traceparent = attribute(cause, TRACEPARENT)
    written = headers(ce_id, source, event.TYPE, event.key, value, time, traceparent, signer)
    return Message(topic=event.TOPIC, key=event.key.encode(), value=value, headers=written)


def headers(
    ce_id: UUID,
    source: str,
    ce_type: str,
    key: str,
    value: bytes,
    time: datetime,
    traceparent: str | None = None,
    signer: Signer | None = None,
) -> list[tuple[str, bytes]]:
    """Return the headers of a record, and a signature when there is a signer."""
    named = {
        "ce_specversion": "1.0",
        ID: str(ce_id),
        "ce_source": source,
        TYPE: ce_type,
        "ce_time": time.isoformat(),
        "ce_subject": key,
        "content-type": "application/json",
    }
    if traceparent:
        named[TRACEPARENT] = traceparent
    signature = [signer.sign(str(ce_id), ce_type, key, value)] if signer else []
    return [(name, text.encode()) for name, text in named.items()] + signature


def attributes(headers: Headers | None, only: Container[str] | None = None) -> dict[str, str]:
    """Return headers as text. Null and non-UTF-8 values are left out, as if they were missing.

    Args:
        headers: as a consumer returns them; of several with the same name, the last counts.
        only: the names that are wanted; None for all.
    """
    found: dict[str, str] = {}
    for name, value in headers or ():
        if only is not None and name not in only:
            continue
        try:
            text = None if value is None else value.decode()
        except UnicodeDecodeError:
            text = None
        if text is not None:
            found[name] = text
        else:
            found.pop(name, None)
    return found


def attribute(headers: Headers, name: str) -> str | None:
    """Return one header as text; None when it is missing or not UTF-8."""
    return attributes(headers, (name,)).get(name)


class Signed(NamedTuple):
    """A signature, and the parts of the record that it covers."""

    signature: Signature
    content: bytes

    def by(self, public_key: bytes) -> bool:
        """Return whether the owner of this key signed it."""
        return self.signature.fits(public_key, self.content)


def signed(attributes: Mapping[str, str], key: bytes | None, value: bytes | None) -> Signed | None:
    """Return a record's signature with the data that it covers; None without a well-formed one."""
    signature = Signature.read(attributes.get(HEADER))
    if signature is None or value is None:
        return None
    try:
        content = signed_bytes(attributes.get(ID, ""), attributes.get(TYPE, ""), (key or b"").decode(), value)
    except ValueError:
        return None
    return Signed(signature, content)


def event_of(ce_type: str | None, known: Mapping[str, type[Event]]) -> type[Event]:
    """Return the event of a type, of those that the reader knows, or raise ``Unreadable``."""
    if not ce_type:
        raise Unreadable("header_missing", "ce_type is missing, null or not UTF-8")
    if ce_type in known:
        return known[ce_type]
    found = major(ce_type)
    if found and any(one.rpartition(".v")[0] == found[0] for one in known):
        raise Unreadable("version_unknown", f"major version {found[1]} of a known type")
    raise Unreadable("type_unknown", "ce_type is not a type of this topic")


def _of_a_writer(topic: str, ce_type: str) -> bool:
    """Return whether this is a single-writer topic for events of this type."""
    known = topic_named(topic)
    return known is not None and ce_type in known.events


def read(topic: str, headers: Headers, value: bytes | None) -> Event:
    """Return the event in a Kafka record, without unknown fields, or raise ``Unreadable``."""
    event = event_of(attribute(headers, TYPE), EVENTS)
    if not topic.endswith(event.TOPIC.removeprefix("{group}")) and not _of_a_writer(topic, event.TYPE):
        raise Unreadable("wrong_topic", "this event does not belong on this topic")
    if value is None:
        raise Unreadable("null_value", "an event has a body")
    try:
        return event.model_validate_json(value)
    except ValidationError as error:
        broken = error.errors(include_input=False, include_url=False, include_context=False)[:5]
        rules = "; ".join(f"{'.'.join(map(str, rule['loc'])) or 'body'}: {rule['type']}" for rule in broken)
        raise Unreadable("value_invalid", rules) from None
