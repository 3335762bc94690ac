"""The period of a query: whole days, and what is left at its ends."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.domain.filters import FIRST, LAST, Period

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "days", "ends"),
    [
        (Period(MIDNIGHT, MIDNIGHT + timedelta(days=1)), (DAY, date(2026, 3, 2)), []),
        (Period(), (FIRST.date(), LAST.date()), []),
        (
            Period(MIDNIGHT, NOON),
            (DAY, DAY),
            [(MIDNIGHT, NOON)],
        ),
        (
            Period(NOON, NOON + timedelta(hours=1)),
            (date(2026, 3, 2), date(2026, 3, 2)),
            [(NOON, NOON + timedelta(hours=1))],
        ),
        (Period(NOON, NOON), (date(2026, 3, 2), date(2026, 3, 2)), []),
    ],
)
def test_a_period_is_split_at_midnights(
    period: Period, days: tuple[date, date], ends: list[tuple[datetime, datetime]]
) -> None:
    assert (period.days, [tuple(end) for end in period.ends]) == (days, ends)


instants = st.integers(0, 5 * 24 * 4).map(lambda quarters: MIDNIGHT + timedelta(minutes=15 * quarters))


@given(instants, instants, instants)
def test_an_instant_is_in_the_period_if_it_is_in_its_days_or_its_ends(
    since: datetime, until: datetime, instant: datetime
) -> None:
    period = Period(since, until)
    first, after = period.days
    times = (first <= instant.date() < after) + sum(start <= instant < end for start, end in period.ends)
    assert times == (since <= instant < until)


def test_the_part_before_an_instant_never_begins_after_it_ends() -> None:
    period = Period(NOON, NOON + timedelta(days=2))
    assert period.before(MIDNIGHT) == (NOON, NOON)
    assert period.before(NOON + timedelta(days=9)) == period
