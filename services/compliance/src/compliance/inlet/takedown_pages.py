"""What there is on one article beyond the first page: nothing is cut without saying so."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Path
from pydantic import BaseModel

from clawback_common.db.pool import Row
from clawback_common.http.paging import (
    LIMIT_MAX,
    Cursor,
    Limit,
    Page,
    bad_cursor,
    decode_cursor,
    decode_instant,
    encode_cursor,
    page,
)
from clawback_common.http.routing import Router
from clawback_contracts.envelope import ArticleId
from clawback_contracts.revocation.v1 import Reason
from compliance.flow import Service
from compliance.inlet.callers import Reader
from compliance.state import notices, receipts

_BEGINNING = datetime.min.replace(tzinfo=UTC)
Article = Annotated[ArticleId, Path()]


class ReceiptAnswer(BaseModel):
    """An answer of a holder, as it was recorded."""

    receipt_id: UUID
    order_no: int
    holder: str
    attempt: int
    removals: dict[str, str]
    """The outcome of each kind of copy."""
    answered_at: datetime
    received_at: datetime
    came_by: str
    meaning: str
    authenticated: bool


class NoticeAnswer(BaseModel):
    """A notice, as it was recorded."""

    notice_id: UUID
    reason: Reason
    noticed_by: str
    noticed_at: datetime
    revoked_at: datetime | None
    earliest_at: datetime | None
    poll_id: UUID | None
    received_at: datetime
    revocation_id: UUID
    backlog: bool
    note: str | None


def takedown_pages(service: Service) -> Router:
    """The receipts and the notices of one article."""
    router = Router(prefix="/compliance/takedowns", tags=["orders"])

    @router.get(
        "/{article_id}/receipts",
        summary="Receipts on one article, the oldest first",
        response_model=Page[ReceiptAnswer],
    )
    async def list_receipts(_: Reader, article_id: Article, limit: Limit = 100, cursor: Cursor = None) -> Any:
        return await receipts_page(service, article_id, limit, cursor)

    @router.get(
        "/{article_id}/notices",
        summary="Notices on one article, the oldest first",
        response_model=Page[NoticeAnswer],
    )
    async def list_notices(_: Reader, article_id: Article, limit: Limit = 100, cursor: Cursor = None) -> Any:
        return await notices_page(service, article_id, limit, cursor)

    return router


async def receipts_page(
    service: Service, article_id: str, limit: int = LIMIT_MAX, cursor: str | None = None
) -> dict[str, Any]:
    """Receipts on an article from a cursor on.

    Raises:
        Problem: 422, the cursor is none of this list.
    """
    after = (_BEGINNING, 0)
    if cursor:
        at, number = decode_cursor(cursor, str, int)
        after = decode_instant(at), number
    rows = await receipts.of_article(service.db, article_id, after, limit + 1)
    following = _following(rows, limit, "id")
    return page([receipt_answer(row) for row in rows[:limit]], following)


async def notices_page(
    service: Service, article_id: str, limit: int = LIMIT_MAX, cursor: str | None = None
) -> dict[str, Any]:
    """Notices on an article from a cursor on.

    Raises:
        Problem: 422, the cursor is none of this list.
    """
    after = (_BEGINNING, UUID(int=0))
    if cursor:
        at, known = decode_cursor(cursor, str, str)
        try:
            after = decode_instant(at), UUID(known)
        except ValueError:
            raise bad_cursor() from None
    rows = await notices.of_article(service.db, article_id, after, limit + 1)
    return page([dict(row) for row in rows[:limit]], _following(rows, limit, "notice_id"))


def receipt_answer(row: Row) -> dict[str, Any]:
    """A receipt without its place in the table."""
    told = {name: value for name, value in row.items() if name != "id"}
    return told | {"removals": orjson.loads(row["removals"])}


def _following(rows: Sequence[Row], limit: int, key: str) -> str | None:
    if len(rows) <= limit:
        return None
    last = rows[limit - 1]
    position = last[key] if isinstance(last[key], int) else str(last[key])
    return encode_cursor(last["received_at"].isoformat(), position)
