"""What a channel is given, apart from the library that carries it, which a process without senders does not load."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from alerting.domain.message_format import Words
from clawback_contracts.alert.v1 import Severity


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to one recipient."""

    reference: str
    """Of the message: an attempt that is repeated has the same one."""
    address: str = field(repr=False)
    words: Words
    severity: Severity
    thread: str
    """Of the alert: mail programs show its messages together."""


Send = Callable[[Outgoing], Awaitable[str | None]]
"""Sends; None when it was taken, else what went wrong, without an address."""
