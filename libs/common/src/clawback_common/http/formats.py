"""Lists as JSON or as CSV, whichever the caller asks for with `?format=` or `Accept`."""

import csv
import io
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NamedTuple

import orjson
from fastapi import Depends, Header, Query, Request, Response
from pydantic import BaseModel

from clawback_common.http.paging import Page

JSON, CSV = "application/json", "text/csv"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

ACCEPT_CHARS_MAX = 1000


class Format(NamedTuple):
    """The format that a caller wants, and the request."""

    name: str
    request: Request

    def response(self, page: Page[Any], item: type[BaseModel]) -> Response:
        """Return a page in this format; in CSV, the address of the next page is in the header `Link` (RFC 8288)."""
        if self.name != "csv":
            return Response(orjson.dumps(page.model_dump(mode="json")), media_type=JSON)
        rows = [one.model_dump(mode="json") for one in page.items]
        response = Response(_csv(list(item.model_fields), rows), media_type=CSV)
        if page.next_cursor:
            following = self.request.url.include_query_params(cursor=page.next_cursor)
            response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
        return response


Accept = Annotated[str, Header(max_length=ACCEPT_CHARS_MAX)]


async def _json_or_csv(
    request: Request,
    name: Annotated[
        Literal["json", "csv"] | None, Query(alias="format", description="Instead of the header Accept")
    ] = None,
    accept: Accept = "",
) -> Format:
    return Format(name or preferred(accept), request)


JsonOrCsv = Annotated[Format, Depends(_json_or_csv)]
CSV_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page, as JSON or as CSV",
        "content": {CSV: {"schema": {"type": "string"}}},
    }
}
"""For the documentation of a route that answers in both formats."""


def preferred(accept: str) -> str:
    """Return `csv` if the header `Accept` names it with a greater weight than JSON, otherwise `json`."""
    weights = {JSON: 0.0, CSV: 0.0}
    for one in accept.split(","):
        kind, _, parameters = one.partition(";")
        if (known := kind.strip().lower()) in weights:
            weights[known] = _weight(parameters)
    return "csv" if weights[CSV] > weights[JSON] else "json"


def _weight(parameters: str) -> float:
    for one in parameters.split(";"):
        name, _, value = one.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _csv(columns: list[str], rows: Iterable[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    """Return a value for a spreadsheet, which must not evaluate a text as a formula."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
    return orjson.dumps(value).decode() if isinstance(value, list | dict) else value
