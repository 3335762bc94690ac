"""The last protection against content in the log: masks values by field name, type and length.

The first protection is not to log content. This one masks what was logged by mistake, also by libraries: a field with
the name of content or of a secret, an address with its key, an object whose text nobody has reviewed.
"""

import re
from collections.abc import Mapping, MutableMapping
from datetime import date, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from clawback_common.telemetry.describe import describe

MASK = "[masked]"
TEXT_MAX = 1000
"""Characters; our own lines are far shorter."""

_DEPTH_MAX = 4
_ITEMS_MAX = 50
_NAMES = frozenset(
    [
        "title",
        "titles",
        "headline",
        "summary",
        "summaries",
        "body",
        "text",
        "content",
        "contents",
        "author",
        "authors",
        "person",
        "persons",
        "description",
        "snippet",
        "excerpt",
        "payload",
        "raw",
        "key",
        "keys",
        "apikey",
        "password",
        "passwords",
        "passwd",
        "secret",
        "secrets",
        "token",
        "tokens",
        "authorization",
        "credential",
        "credentials",
        "cookie",
        "cookies",
        "signature",
        "dsn",
    ]
)
_QUERY = re.compile(r"(?i)([?&;](?:[a-z_-]*(?:key|token|secret|password|signature))=)[^&;\s'\"<>]*")
_USERINFO = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^/\s:@]*:)[^@\s/]*@")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask an event's fields; structlog's own, with a leading underscore, are unchanged."""
    for name in event:
        if not name.startswith("_"):
            event[name] = MASK if is_sensitive(name) else safe(event[name])
    return event


def is_sensitive(name: str) -> bool:
    """Return True when a field with this name contains content or a secret, judged by its last word."""
    return re.split(r"[_.\-\s]", name.lower())[-1] in _NAMES


def safe(value: object, depth: int = 0) -> object:
    """Return the value in a loggable form: plain values unchanged, texts masked, other objects by their type."""
    match value:
        case Enum():
            shown: object = _text(str(value.value))
        case None | bool() | int() | float():
            shown = value
        case BaseException():
            shown = describe(value)
        case str() | UUID() | date() | timedelta() | PurePath():
            shown = _text(str(value))
        case bytes() | bytearray() | memoryview():
            shown = f"<{len(value)} bytes>"
        case _:
            shown = _compound(value, depth)
    return shown


def _compound(value: object, depth: int) -> object:
    if depth < _DEPTH_MAX:
        if isinstance(value, Mapping):
            return {
                str(safe(name)): MASK if is_sensitive(str(name)) else safe(item, depth + 1)
                for name, item in list(value.items())[:_ITEMS_MAX]
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [safe(item, depth + 1) for item in list(value)[:_ITEMS_MAX]]
    return f"<{type(value).__name__}>"


def _text(text: str) -> str:
    """Return the text without the secrets of addresses and headers in it, cut to the maximum length."""
    for pattern, kept in _PATTERNS:
        text = pattern.sub(kept, text)
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}… ({len(text)} characters)"


_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (_QUERY, rf"\1{MASK}"),
    (_USERINFO, rf"\1{MASK}@"),
    (_BEARER, rf"\1 {MASK}"),
)
