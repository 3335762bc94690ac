"""The columns of a batch, as the arrays that ``unnest`` takes."""

from collections.abc import Collection
from operator import attrgetter
from typing import Any


def columns(rows: Collection[object], names: str) -> list[list[Any]]:
    """Return the values of each attribute of the rows.

    Args:
        rows: the batch.
        names: separated by spaces, in the order of the columns; ``a.b`` is an attribute of an attribute.
    """
    return [[value(row) for row in rows] for value in map(attrgetter, names.split())]
