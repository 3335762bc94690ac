"""Paged lists: query parameters `?limit=&cursor=`, response `{"items", "next_cursor"}`, `?fields=` to select fields."""

import base64
import binascii
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from operator import getitem
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import orjson
from fastapi import Depends, Query
from pydantic import BaseModel

from clawback_common.http.problem import Problem, field_error

LIMIT_MAX = 500
_BIGINT_END = 2**63

R = TypeVar("R")
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


class Keyset:
    """The columns by which a list is ordered. A cursor is the position of the last item of a page.

    Args:
        start: the position before the first item, by column: instants, days, UUIDs, integers from 0, and texts.
    """

    def __init__(self, **start: date | UUID | int | str) -> None:
        self._start = start

    def after(self, cursor: str | None) -> tuple[Any, ...]:
        """Return the position after which a page begins: that of the cursor, or the start of the list.

        Raises:
            Problem: 422, the cursor is not one of this list.
        """
        starts = list(self._start.values())
        if not cursor:
            return tuple(starts)
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            position = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            if not isinstance(position, list):
                raise bad_cursor()
            return tuple(_decoded(value, type(start)) for value, start in zip(position, starts, strict=True))
        except (binascii.Error, ValueError, OverflowError):
            raise bad_cursor() from None

    def cursor(self, row: Any, read: Callable[[Any, str], Any] = getitem) -> str:
        """Return the cursor of the page that follows this row; ``read`` reads a column of it."""
        position = [read(row, column) for column in self._start]
        encoded = [value if isinstance(value, int | str) else _encoded(value) for value in position]
        return base64.urlsafe_b64encode(orjson.dumps(encoded)).rstrip(b"=").decode()

    def page(
        self,
        rows: Sequence[R],
        limit: int,
        item: Callable[[R], T],
        read: Callable[[Any, str], Any] = getitem,
    ) -> Page[T]:
        """Return a page of at most ``limit`` items; a list that goes on has one row more."""
        following = self.cursor(rows[limit - 1], read) if len(rows) > limit else None
        return Page(items=[item(row) for row in rows[:limit]], next_cursor=following)


def newest_first(at: str, key: str) -> Keyset:
    """Return the order of a list by time and id, the newest first."""
    start: dict[str, date | UUID] = {at: datetime.max.replace(tzinfo=UTC), key: UUID(int=2**128 - 1)}
    return Keyset(**start)


def oldest_first(at: str, key: str) -> Keyset:
    """Return the order of a list by time and id, the oldest first."""
    start: dict[str, date | UUID] = {at: datetime.min.replace(tzinfo=UTC), key: UUID(int=0)}
    return Keyset(**start)


def _encoded(value: date | UUID) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _decoded(value: object, kind: type) -> Any:
    if kind is int and type(value) is int and 0 <= value < _BIGINT_END:
        return value
    if kind is int or not isinstance(value, str) or "\0" in value:
        raise bad_cursor()
    if kind is date:
        return date.fromisoformat(value)
    if kind is not datetime:
        return kind(value)
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise bad_cursor()
    return found.astimezone(UTC)


def bad_cursor() -> Problem:
    """Return the 422 for an invalid cursor."""
    return Problem(
        422,
        "The cursor was not returned by a page of this list.",
        errors=[field_error("cursor", "bad_cursor", "Not a cursor of this list")],
    )


async def _chosen(
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
