"""Further pages of the receipts and notices on one article."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path

from clawback_common.http.paging import LIMIT_MAX, Cursor, Keyset, Limit, Page, oldest_first
from clawback_common.http.routing import Router
from clawback_contracts.envelope import ArticleId
from compliance.entrypoints.http.callers import Reader
from compliance.entrypoints.http.order_schemas import NoticeAnswer, ReceiptAnswer
from compliance.storage import notices, receipts
from compliance.use_cases.service import Service

RECEIPTS = Keyset(received_at=datetime.min.replace(tzinfo=UTC), id=0)
NOTICES = oldest_first("received_at", "notice_id")
Article = Annotated[ArticleId, Path()]


def takedown_pages(service: Service) -> Router:
    """Returns the routes that list the receipts and notices of one article."""
    router = Router(prefix="/compliance/takedowns", tags=["orders"])

    @router.get("/{article_id}/receipts", summary="Receipts on one article, the oldest first")
    async def list_receipts(
        _: Reader, article_id: Article, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[ReceiptAnswer]:
        return await receipts_page(service, article_id, limit, cursor)

    @router.get("/{article_id}/notices", summary="Notices on one article, the oldest first")
    async def list_notices(
        _: Reader, article_id: Article, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[NoticeAnswer]:
        return await notices_page(service, article_id, limit, cursor)

    return router


async def receipts_page(
    service: Service, article_id: str, limit: int = LIMIT_MAX, cursor: str | None = None
) -> Page[ReceiptAnswer]:
    """Returns receipts on an article, from a cursor.

    Raises:
        Problem: 422 if the cursor does not belong to this list.
    """
    rows = await receipts.of_article(service.db, article_id, RECEIPTS.after(cursor), limit + 1)
    return RECEIPTS.page(rows, limit, lambda row: ReceiptAnswer.model_validate(dict(row)))


async def notices_page(
    service: Service, article_id: str, limit: int = LIMIT_MAX, cursor: str | None = None
) -> Page[NoticeAnswer]:
    """Returns notices on an article, from a cursor.

    Raises:
        Problem: 422 if the cursor does not belong to this list.
    """
    rows = await notices.of_article(service.db, article_id, NOTICES.after(cursor), limit + 1)
    return NOTICES.page(rows, limit, lambda row: NoticeAnswer.model_validate(dict(row)))
