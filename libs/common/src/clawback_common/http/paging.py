"""Paged lists: query parameters `?limit=&cursor=`, response `{"items", "next_cursor"}`, `?fields=` to select fields."""

import base64
import binascii
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import orjson
from fastapi import Depends, Query
from pydantic import BaseModel

from clawback_common.http.problem import Problem, field_error
from clawback_common.postgres.pool import Row

LIMIT_MAX = 500
_NEWEST = (datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))
_OLDEST = (datetime.min.replace(tzinfo=UTC), UUID(int=0))

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Items per page")]
"""Give it a default where it is used: ``limit: Limit = 100``."""

Cursor = Annotated[str | None, Query(max_length=1024, description="`next_cursor` of the previous page")]


class Page(BaseModel, Generic[T]):
    """One page; `next_cursor` is null on the last."""

    items: list[T]
    next_cursor: str | None = None


def page(items: Sequence[Any], next_cursor: str | None = None) -> dict[str, Any]:
    """Return the body of one page."""
    return {"items": items, "next_cursor": next_cursor}


def encode_cursor(*position: str | float | None) -> str:
    """Return an opaque cursor for the position at which a page ended, such as time and id of its last row."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).rstrip(b"=").decode()


def decode_cursor(cursor: str, *kinds: type) -> list[Any]:
    """Return the position in a cursor, checked to contain values of these types.

    Raises:
        Problem: 422, the cursor is not valid.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        position = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise bad_cursor() from None
    fits = (
        isinstance(position, list)
        and len(position) == len(kinds)
        and all(type(value) is kind for value, kind in zip(position, kinds, strict=True))
    )
    if not fits:
        raise bad_cursor()
    return list(position)


def decode_instant(text: str) -> datetime:
    """Return an instant of a cursor, in UTC.

    Raises:
        Problem: 422, it is not an instant, or is at the calendar's limits.
    """
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise bad_cursor()
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_cursor() from None


def decode_newest_first(cursor: str | None) -> tuple[datetime, UUID]:
    """Return the instant and id before which a page of a newest-first list begins; without a cursor, the first page.

    Raises:
        Problem: 422, the cursor is not valid.
    """
    return _decode_time_and_id(cursor) if cursor else _NEWEST


def decode_oldest_first(cursor: str | None) -> tuple[datetime, UUID]:
    """Return the instant and id after which a page of an oldest-first list begins; without a cursor, the first page.

    Raises:
        Problem: 422, the cursor is not valid.
    """
    return _decode_time_and_id(cursor) if cursor else _OLDEST


def _decode_time_and_id(cursor: str) -> tuple[datetime, UUID]:
    at, found = decode_cursor(cursor, str, str)
    try:
        return decode_instant(at), UUID(found)
    except ValueError:
        raise bad_cursor() from None


def next_by_time(rows: Sequence[Row], limit: int, at: str, key: str) -> str | None:
    """Return the cursor of the next page of a list ordered by time and id; None on the last page.

    Args:
        rows: of this page; one more than ``limit`` was read.
        limit: items of this page.
        at: the column with the time.
        key: the column with the id.
    """
    if len(rows) <= limit:
        return None
    last = rows[limit - 1]
    return encode_cursor(last[at].isoformat(), str(last[key]))


def bad_cursor() -> Problem:
    """Return the 422 for an invalid cursor."""
    return Problem(
        422,
        "The cursor was not returned by a page of this list.",
        errors=[field_error("cursor", "bad_cursor", "Not a cursor of this list")],
    )


def _chosen(
    fields: Annotated[
        str | None, Query(max_length=1000, description="Comma-separated names of fields")
    ] = None,
) -> frozenset[str] | None:
    names = frozenset(name.strip() for name in (fields or "").split(",") if name.strip())
    return names or None


Fields = Annotated[frozenset[str] | None, Depends(_chosen)]
"""The names in `?fields=`; None when all fields are wanted."""


def project(
    items: Iterable[Mapping[str, T]], fields: frozenset[str] | None, known: Collection[str]
) -> list[dict[str, T]]:
    """Return the items with only the requested fields.

    Raises:
        Problem: 422, a requested field is not among the `known` ones.
    """
    if fields is None:
        return [dict(item) for item in items]
    if not fields <= set(known):
        raise Problem(
            422,
            f"`fields` takes {', '.join(sorted(known))}.",
            errors=[field_error("fields", "unknown_field", "Not a field of this list's items")],
        )
    return [{name: value for name, value in item.items() if name in fields} for item in items]
