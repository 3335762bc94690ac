"""Say what went wrong without saying what was in it.

Messages of other people's errors carry values: a constraint's row, a field's input, an address with
its key. So of an error that is not ours only the type and a few names from the schema are told.
"""

import errno
import re
from collections.abc import Iterable, Sequence
from typing import Any

from clawback_common.errors import ClawbackError

PLACES_MAX = 10
"""Of a batch with thousands of bad fields the first ten show the pattern."""

_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_SCHEMA_FIELDS = ("schema_name", "table_name", "column_name", "constraint_name")


def describe(error: BaseException) -> str:
    """One line on the error, safe to log, to store and to answer with.

    Ours are told in full: their text is safe by contract. Of a validation error the fields and the
    codes, of a database error the SQLSTATE and the names concerned, of a group its members; of any
    other the type alone.
    """
    kind = type(error).__name__
    if isinstance(error, ClawbackError):
        return f"{kind}: {error}"
    if isinstance(error, BaseExceptionGroup):
        return f"{kind}({'; '.join(describe(member) for member in error.exceptions[:PLACES_MAX])})"
    return f"{kind}{_detail(error)}"


def place(parts: Iterable[Any]) -> str:
    """A location as people write it: ``("items", 3, "title")`` becomes ``items[3].title``.

    A part that cannot be a field's name was a key in the input, so it is shown as ``*``.
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
    """What may be told of an error that is not ours, with its leading separator; often nothing."""
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
    """Where and how an input broke its model, never the input: ``: items[3].title missing``."""
    if not isinstance(details, Sequence):
        return ""
    told = [f"{place(d.get('loc', ()))} {d.get('type', '')}".strip() for d in details if isinstance(d, dict)]
    more = f" and {len(told) - PLACES_MAX} more" if len(told) > PLACES_MAX else ""
    return f": {', '.join(told[:PLACES_MAX])}{more}"
