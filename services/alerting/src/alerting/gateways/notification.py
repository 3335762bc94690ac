"""The interface of channels, without the library that implements it: only processes that send need to load that."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from alerting.domain.message_format import MessageText
from clawback_contracts.alert.v1 import Severity


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to one recipient."""

    reference: str
    """Identifies the message; a retry has the same one."""
    address: str = field(repr=False)
    words: MessageText
    severity: Severity
    thread: str
    """Identifies the alert; mail programs group its messages by it."""


Send = Callable[[Outgoing], Awaitable[str | None]]
"""Sends a message. Returns None if the channel accepted it, otherwise what failed, without the address."""
