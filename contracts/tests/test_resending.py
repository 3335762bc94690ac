"""When what was not answered is sent again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawback_contracts.resending import HOURLY, ORDERS, ResendSchedule

START = datetime(2026, 3, 8, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize("schedule", [HOURLY, ORDERS])
def test_what_stays_open_is_sent_after_1_5_and_15_minutes_and_then_hourly(schedule: ResendSchedule) -> None:
    moments, now = [], START
    for _ in range(6):
        now = schedule.next_at(START, now)
        moments.append((now - START) // MINUTE)
    assert moments == [1, 5, 15, 60, 120, 180]


@given(st.floats(0, 10_000))
def test_the_next_sending_is_within_the_hour_and_of_an_order_after_three_days_within_the_day(
    minutes: float,
) -> None:
    now = START + timedelta(minutes=minutes)
    assert now < HOURLY.next_at(START, now) <= now + HOUR
    assert now < ORDERS.next_at(START, now) <= now + (HOUR if now - START < 3 * DAY else DAY)


def test_a_delay_that_counts_from_the_last_attempt_grows_the_same_way() -> None:
    assert HOURLY.delays == (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR)
    assert ORDERS.delays == (*HOURLY.delays[:3], *[HOUR] * 72, DAY)
