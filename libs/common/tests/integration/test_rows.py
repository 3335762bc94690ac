"""Rows become objects, and batches become the arrays of one statement."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest

from clawback_common.postgres import Database
from clawback_common.postgres.rows import build, columns

pytestmark = pytest.mark.integration


class Item(NamedTuple):
    """A row with optional columns."""

    key: str
    note: str | None = None
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """An object with a value that is not a column."""

    key: str
    amount: int
    known: bool


async def stored(database: Database, items: list[Item]) -> list[Item]:
    """The items after a way through ``unnest``."""
    rows = await database.fetch(
        "SELECT * FROM unnest($1::text[], $2::text[], $3::int[]) AS n (key, note, amount)",
        *columns(items, "key note amount"),
    )
    return [build(Item, row) for row in rows]


async def test_a_batch_comes_back_with_its_nulls(database: Database) -> None:
    items = [Item("a", None, 1), Item("b", "text", None), Item("c")]
    assert await stored(database, items) == items


async def test_a_column_of_nulls_is_an_empty_array_and_comes_back_as_nulls(database: Database) -> None:
    items = [Item("a"), Item("b")]
    assert columns(items, "key note amount") == [["a", "b"], [], []]
    assert await stored(database, items) == items


async def test_an_object_has_the_columns_of_its_fields_and_the_given_values(database: Database) -> None:
    row = await database.fetchrow("SELECT 'a' AS key, 2 AS amount, 'unknown column' AS other, false AS known")
    assert row is not None
    assert build(Counted, row, known=True) == Counted("a", 2, known=True)
