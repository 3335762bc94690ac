"""Lists as JSON or as CSV."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI, Response
from pydantic import BaseModel

from clawback_common.http.formats import JsonOrCsv, preferred
from clawback_common.http.paging import Cursor, Page
from clawback_common.http.routing import Router


class Item(BaseModel):
    """An item of a list."""

    name: str | None
    at: datetime
    parts: list[int]


ITEMS = [
    Item(name='=1+1,"x"\n', at=datetime(2026, 3, 1, tzinfo=UTC), parts=[1, 2]),
    Item(name=None, at=datetime(2026, 3, 1, tzinfo=UTC), parts=[]),
]
TEXT = 'name,at,parts\r\n"\'=1+1,""x""\n",2026-03-01T00:00:00Z,"[1,2]"\r\n,2026-03-01T00:00:00Z,[]\r\n'


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """An API with one list of two pages."""
    router = Router()

    @router.get("/items")
    async def items(wanted: JsonOrCsv, cursor: Cursor = None) -> Response:
        return wanted.response(Page(items=ITEMS, next_cursor=None if cursor else "a b"), Item)

    app = FastAPI()
    app.include_router(router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as client:
        yield client


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("text/csv", "csv"),
        ("TEXT/CSV; charset=utf-8", "csv"),
        ("application/json, text/csv", "json"),
        ("application/json;q=0.5, text/csv;q=0.9", "csv"),
        ("text/csv;q=0", "json"),
        ("text/csv;q=odd", "json"),
        (",;=,", "json"),
    ],
)
def test_accept_decides_by_weight(accept: str, wanted: str) -> None:
    assert preferred(accept) == wanted


async def test_a_text_is_no_formula_and_the_next_page_is_linked(http: httpx.AsyncClient) -> None:
    first = await http.get("/items?format=csv")
    assert (first.headers["content-type"], first.text) == ("text/csv; charset=utf-8", TEXT)
    assert first.headers["link"] == '</items?format=csv&cursor=a+b>; rel="next"'
    assert "link" not in (await http.get("/items?format=csv&cursor=a+b")).headers


async def test_the_parameter_wins_over_the_header(http: httpx.AsyncClient) -> None:
    answer = await http.get("/items?format=json", headers={"Accept": "text/csv"})
    assert answer.json() == {
        "items": [item.model_dump(mode="json") for item in ITEMS],
        "next_cursor": "a b",
    }
    assert (await http.get("/items?format=xml")).status_code == 422
