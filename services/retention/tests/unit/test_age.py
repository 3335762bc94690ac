"""Ages are parsed from text, and computed by the calendar."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from retention.domain.age import Age, age

NOW = datetime(2026, 3, 8, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "before"),
    [
        ("30 days", datetime(2026, 2, 6, 1, tzinfo=UTC)),
        ("1 week", datetime(2026, 3, 1, 1, tzinfo=UTC)),
        ("2 years", datetime(2024, 3, 8, 1, tzinfo=UTC)),
        ("3 months", datetime(2025, 12, 8, 1, tzinfo=UTC)),
        ("90 minutes", datetime(2026, 3, 7, 23, 30, tzinfo=UTC)),
        ("  1   hour ", datetime(2026, 3, 8, 0, tzinfo=UTC)),
        ("100 years", datetime(1926, 3, 8, 1, tzinfo=UTC)),
    ],
)
def test_an_age_is_subtracted_from_an_instant(written: str, before: datetime) -> None:
    found = age(written)
    assert found is not None
    assert found.before(NOW) == before


@pytest.mark.parametrize(
    "written",
    [
        "",
        "0 d",
        "0 days",
        "2 yeers",
        "-1 day",
        "1.5 years",
        "days",
        "2",
        "2years",
        "101 years",
        "99999 years",
        "40000 days",
        "1202 months",
        "2 years 3 days",
        "٢ years",
    ],
)
def test_an_invalid_age_is_rejected(written: str) -> None:
    assert age(written) is None


def test_a_year_before_29_february_is_28_february() -> None:
    leap = datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert Age(1, "year").before(leap) == datetime(2027, 2, 28, 12, tzinfo=UTC)
    assert Age(4, "year").before(leap) == datetime(2024, 2, 29, 12, tzinfo=UTC)


def test_a_month_before_31_march_is_the_last_of_february() -> None:
    assert Age(1, "month").before(datetime(2026, 3, 31, tzinfo=UTC)) == datetime(2026, 2, 28, tzinfo=UTC)


def test_an_age_is_computed_in_utc_for_any_time_zone() -> None:
    elsewhere = datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=9)))
    assert Age(1, "year").before(elsewhere) == datetime(2024, 12, 31, 18, tzinfo=UTC)


def test_ages_are_compared_across_units() -> None:
    assert Age(83, "month").is_under(Age(7, "year"))
    assert not Age(84, "month").is_under(Age(7, "year"))


def test_an_age_is_formatted_as_it_is_written() -> None:
    assert [str(Age(1, "year")), str(Age(30, "day"))] == ["1 year", "30 days"]
