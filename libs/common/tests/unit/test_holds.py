"""Legal holds as a sweep uses them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from clawback_common.retention import LegalHolds
from clawback_contracts.sweep.v1 import Hold

AT = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def _hold(**fields: Any) -> Hold:
    return Hold(hold_id=uuid4(), **fields)


def test_a_named_id_is_held_whatever_its_date() -> None:
    held = LegalHolds.of([_hold(article_ids=("up:b", "up:a"), dated_until=AT), _hold(article_ids=("up:a",))])
    assert held.ids == ("up:a", "up:b")
    assert held.covers("up:a", AT + DAY)
    assert not held.covers("up:c", AT - DAY)


@pytest.mark.parametrize(
    ("dated_from", "dated_until", "covered"),
    [
        (None, None, [-1, 0, 1]),
        (AT, None, [0, 1]),
        (None, AT, [-1]),
        (AT, AT + DAY, [0]),
    ],
)
def test_a_span_holds_the_records_dated_in_it_and_excludes_its_end(
    dated_from: datetime | None, dated_until: datetime | None, covered: list[int]
) -> None:
    held = LegalHolds.of([_hold(dated_from=dated_from, dated_until=dated_until)])
    assert (held.froms, held.untils) == ([dated_from], [dated_until])
    assert [day for day in (-1, 0, 1) if held.covers(dated=AT + day * DAY)] == covered


def test_without_holds_nothing_is_held() -> None:
    assert not LegalHolds.of([]).covers("up:a", AT)
