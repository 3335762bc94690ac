"""Legal holds as SQL sees them: ``is_held`` with the parameters of a request."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from clawback_common.postgres import Database
from clawback_common.retention.holds import LegalHolds
from clawback_contracts.sweep.v1 import Hold

pytestmark = pytest.mark.integration

AT = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def _hold(**scope: Any) -> Hold:
    return Hold(hold_id=uuid4(), **scope)


async def is_held(
    database: Database, holds: list[Hold], article_id: str | None = None, dated: datetime | None = None
) -> bool:
    held = LegalHolds.of(holds)
    found: bool = await database.fetchval(
        "SELECT is_held($1, $2, $3, $4)", article_id, dated, held.ids, held.spans
    )
    return found


async def test_a_named_id_is_held_whatever_its_date(database: Database) -> None:
    holds = [_hold(article_ids=("up:b", "up:a"), dated_from=AT), _hold(article_ids=("up:a",))]
    assert LegalHolds.of(holds).ids == ("up:a", "up:b")
    assert await is_held(database, holds, "up:a", AT - DAY)
    assert not await is_held(database, holds, "up:c", AT + DAY)
    assert not await is_held(database, holds, None, AT + DAY)


async def test_a_named_id_is_held_also_if_the_span_of_its_hold_is_empty(database: Database) -> None:
    holds = [_hold(article_ids=("up:a",), dated_from=AT + DAY, dated_until=AT)]
    assert await is_held(database, holds, "up:a", AT)
    assert not await is_held(database, holds, "up:b", AT)


@pytest.mark.parametrize(
    ("dated_from", "dated_until", "held_days"),
    [
        (None, None, [-1, 0, 1]),
        (AT, None, [0, 1]),
        (None, AT, [-1]),
        (AT, AT + DAY, [0]),
        (AT + DAY, AT, []),
    ],
)
async def test_a_span_holds_the_records_dated_in_it_and_excludes_its_end(
    database: Database, dated_from: datetime | None, dated_until: datetime | None, held_days: list[int]
) -> None:
    holds = [_hold(dated_from=dated_from, dated_until=dated_until)]
    found = [day for day in (-1, 0, 1) if await is_held(database, holds, "up:a", AT + day * DAY)]
    assert found == held_days


async def test_spans_that_overlap_are_one(database: Database) -> None:
    holds = [_hold(dated_from=AT, dated_until=AT + 2 * DAY), _hold(dated_from=AT + DAY)]
    assert [day for day in (-1, 0, 1, 9) if await is_held(database, holds, dated=AT + day * DAY)] == [0, 1, 9]


async def test_a_record_without_a_date_is_held_by_any_span(database: Database) -> None:
    assert await is_held(database, [_hold(dated_until=AT)], "up:a")
    assert not await is_held(database, [_hold(article_ids=("up:b",))], "up:a")


async def test_without_holds_nothing_is_held(database: Database) -> None:
    assert not await is_held(database, [], "up:a", AT)
    assert not await is_held(database, [], "up:a")


async def test_the_function_becomes_part_of_the_statement(database: Database) -> None:
    """PostgreSQL inlines it: a call per row would make a sweep of a large table several times slower."""
    plan = await database.fetch(
        "EXPLAIN VERBOSE SELECT count(*) FROM outbox_priority WHERE is_held(key, queued_at, $1, $2)",
        ["up:a"],
        [],
    )
    words = "\n".join(row[0] for row in plan)
    assert "ANY" in words
    assert "is_held" not in words
