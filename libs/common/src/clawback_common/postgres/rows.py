"""Between rows and objects: the columns of a batch, and an object from a row."""

from collections.abc import Collection
from functools import cache
from inspect import signature
from operator import attrgetter
from typing import Any, TypeVar

from clawback_common.postgres.pool import Row

T = TypeVar("T")


def columns(rows: Collection[object], names: str) -> list[list[Any]]:
    """Return the values of each attribute of the rows, as the arrays that ``unnest`` takes.

    A column of NULLs is an empty array, which ``unnest`` fills up to the length of the others; so at least one column,
    such as the key, must have a value in each row.

    Args:
        rows: the batch.
        names: separated by spaces, in the order of the columns; ``a.b`` is an attribute of an attribute.
    """
    values = ([value(row) for row in rows] for value in map(attrgetter, names.split()))
    return [[] if column.count(None) == len(column) else column for column in values]


def build(model: type[T], row: Row, /, **others: Any) -> T:
    """Return a dataclass or named tuple whose fields are the row's columns of these names, besides the given ones."""
    hashable: Any = model  # mypy does not know that a type is
    return model(**({name: row[name] for name in _fields(hashable) if name in row} | others))


@cache
def _fields(model: type) -> tuple[str, ...]:
    return tuple(signature(model).parameters)
