"""The safe description of an error."""

import asyncpg
import httpx
import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from clawback_common.errors import Poison
from clawback_common.telemetry.describe import describe, place

SECRET = "the text of somebody else"


class Item(BaseModel):
    """An item with content."""

    model_config = ConfigDict(extra="forbid")
    title: int
    tags: dict[str, int] = {}


class Items(BaseModel):
    """A batch of items."""

    items: list[Item]


def _validation(body: object) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Items.model_validate(body)
    return caught.value


def test_our_own_errors_are_described_in_full() -> None:
    assert describe(Poison("bad_date", "published_at")) == "Poison: bad_date: published_at"


def test_a_foreign_error_is_described_by_its_type_only() -> None:
    assert describe(ValueError(SECRET)) == "ValueError"


def test_a_validation_error_is_described_by_locations_and_codes_without_the_input() -> None:
    error = _validation({"items": [{"title": 1}, {"title": SECRET}]})
    assert describe(error) == "ValidationError: items[1].title int_parsing"


def test_a_key_of_the_input_is_not_shown_as_a_location() -> None:
    error = _validation({"items": [{"title": 1, "tags": {SECRET: "x"}, SECRET: 1}]})
    assert describe(error) == "ValidationError: items[0].tags.* int_parsing, items[0].* extra_forbidden"


def test_of_thousands_of_invalid_fields_ten_are_described() -> None:
    description = describe(_validation({"items": [{}] * 1000}))
    assert description.endswith("items[9].title missing and 990 more")


def test_a_database_error_is_described_by_sqlstate_and_names() -> None:
    error = asyncpg.UniqueViolationError.new(
        {"C": "23505", "M": SECRET, "D": f"Key (id)=({SECRET})", "t": "job_run", "n": "job_run_pkey"}
    )
    assert describe(error) == "UniqueViolationError: sqlstate 23505 job_run job_run_pkey"


def test_an_http_error_is_described_by_its_status_without_the_address() -> None:
    request = httpx.Request("GET", f"https://example.org/?key={SECRET}")
    error = httpx.HTTPStatusError(SECRET, request=request, response=httpx.Response(503))
    assert describe(error) == "HTTPStatusError: status 503"


def test_a_system_error_is_described_by_its_symbol() -> None:
    assert describe(ConnectionRefusedError(111, SECRET)) == "ConnectionRefusedError: ECONNREFUSED"


def test_a_group_is_described_by_its_members() -> None:
    group = ExceptionGroup(SECRET, [ValueError(SECRET), Poison("too_large")])
    assert describe(group) == "ExceptionGroup(ValueError; Poison: too_large)"


def test_a_location_is_in_common_notation() -> None:
    assert place(("items", 3, "title")) == "items[3].title"
