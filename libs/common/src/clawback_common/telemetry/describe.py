"""Descriptions of errors without the values in them.

Messages of foreign errors contain values: a constraint's row, a field's input, an address with its key. So an error
that is not ours is described only by its type and a few names from the schema.
"""

import errno
import re
from collections.abc import Iterable, Sequence
from typing import Any

from clawback_common.errors import ClawbackError

PLACES_MAX = 10
"""In a batch with thousands of invalid fields, the first ten show the pattern."""

_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_SCHEMA_FIELDS = ("schema_name", "table_name", "column_name", "constraint_name")


def describe(error: BaseException) -> str:
    """Return one line about the error that may be logged, stored and returned to callers.

    Our own errors are given in full, because their text contains no values. A validation error is given by its fields
    and codes, a database error by its SQLSTATE and the names concerned, a group by its members, any other error by its
    type.
    """
    kind = type(error).__name__
    if isinstance(error, ClawbackError):
        return f"{kind}: {error}"
    if isinstance(error, BaseExceptionGroup):
        return f"{kind}({'; '.join(describe(member) for member in error.exceptions[:PLACES_MAX])})"
    return f"{kind}{_detail(error)}"


def place(parts: Iterable[Any]) -> str:
    """Return a location in common notation: ``("items", 3, "title")`` becomes ``items[3].title``.

    A part that cannot be a field name was a key in the input, so it is shown as ``*``.
    """
    written = ""
    for part in parts:
        if isinstance(part, int):
            written += f"[{part}]"
        else:
            name = part if isinstance(part, str) and _FIELD_NAME.fullmatch(part) else "*"
            written += f".{name}" if written else name
    return written


def _detail(error: BaseException) -> str:
    """Return the safe details of a foreign error, with their leading separator; often empty."""
    errors = getattr(error, "errors", None)
    if callable(errors):
        return _validation(errors())
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str):
        names = (getattr(error, field, None) for field in _SCHEMA_FIELDS)
        return ": " + " ".join([f"sqlstate {sqlstate}", *(name for name in names if isinstance(name, str))])
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return f": status {status}"
    if isinstance(error, OSError) and error.errno is not None:
        return f": {errno.errorcode.get(error.errno, error.errno)}"
    return ""


def _validation(details: object) -> str:
    """Return where and how an input violated its model, without the input: ``: items[3].title missing``."""
    if not isinstance(details, Sequence):
        return ""
    shown = [f"{place(d.get('loc', ()))} {d.get('type', '')}".strip() for d in details if isinstance(d, dict)]
    more = f" and {len(shown) - PLACES_MAX} more" if len(shown) > PLACES_MAX else ""
    return f": {', '.join(shown[:PLACES_MAX])}{more}"
