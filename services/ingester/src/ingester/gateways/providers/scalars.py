"""Parsers of scalars, which are all texts in responses: each returns None for an invalid text."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Final

_PROVIDER_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,200}")
_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}.*)?")
_INT64_MAX: Final = 2**63 - 1
_YEAR_MIN: Final = 1500
"""An earlier date, before printed news, is a program's default value."""


def provider_id(text: str) -> str | None:
    """Returns an id that can be part of an article id."""
    return text if _PROVIDER_ID.fullmatch(text) else None


def natural(text: str) -> int | None:
    """Parses a number from 0 to 2^31 - 1."""
    number = int64(text)
    return number if number is not None and number < 2**31 else None


def int64(text: str) -> int | None:
    """Parses a number from 0 to 2^63 - 1; ids and sequences need more than 32 bits."""
    if not _DIGITS.fullmatch(text):
        return None
    number = int(text)
    return number if number <= _INT64_MAX else None


def score(text: str) -> float | None:
    """Parses a number on the provider's scale."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def latitude(text: str) -> float | None:
    """Parses degrees north."""
    number = score(text)
    return number if number is not None and -90 <= number <= 90 else None  # noqa: PLR2004 - the poles


def longitude(text: str) -> float | None:
    """Parses degrees east."""
    number = score(text)
    return number if number is not None and -180 <= number <= 180 else None  # noqa: PLR2004 - the far side


def language(text: str) -> str | None:
    """Parses a BCP 47 tag."""
    tag = text[:1].lower() + text[1:] if "-" in text else text.lower()
    return tag if _LANGUAGE.fullmatch(tag) else None


def country_code(text: str) -> str | None:
    """Parses an ISO 3166-1 alpha-2 code; some are lower case."""
    code = text.upper()
    return code if _COUNTRY.fullmatch(code) else None


def instant(text: str) -> datetime | None:
    """Parses an ISO 8601 time; UTC if it has no offset."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return _in_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def internet_date(text: str) -> datetime | None:
    """Parses a time as in mail and HTTP, such as ``Sun, 01 Mar 2026 10:00:00 +0100``; UTC if it has no zone."""
    try:
        return _in_utc(parsedate_to_datetime(text))
    except (ValueError, OverflowError):
        return None


def _in_utc(moment: datetime) -> datetime | None:
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment if moment.year >= _YEAR_MIN else None
