"""Read requests. A state that was never checked is reported as unknown."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query

from clawback_common.http.moments import Moment
from clawback_common.http.paging import LIMIT_MAX, Cursor, Keyset, Limit, Page, newest_first
from clawback_common.http.problem import existing
from clawback_common.http.routing import Router
from clawback_common.postgres.pool import Row
from clawback_contracts.envelope import ArticleId
from clawback_contracts.revocation.v1 import ReasonCode
from compliance.domain.order import Kind
from compliance.entrypoints.http.callers import Inspecting, Reader
from compliance.entrypoints.http.holder_schemas import HolderDetail, HolderListed, holder_detail
from compliance.entrypoints.http.order_schemas import (
    OrderDetail,
    OrderFed,
    OrderFeed,
    OrderListed,
    Takedown,
)
from compliance.entrypoints.http.run_schemas import RunAnswer, RunExplained, run_explained
from compliance.entrypoints.http.status_schemas import HistoryDay, OverdueListed, StatusAnswer, status_now
from compliance.entrypoints.http.takedown_pages import notices_page, receipts_page
from compliance.storage import articles, holders, notices, obligations, receipts, revocations, runs
from compliance.storage.revocations import CommittedFeed
from compliance.use_cases.service import Service

ORDERS = Keyset(seq=2**63 - 1)
FEED = Keyset(seq=0)
OVERDUE = Keyset(due_at=datetime.min.replace(tzinfo=UTC), revocation_id=UUID(int=0), holder="")
RUNS = newest_first("requested_at", "run_id")
HOLDERS = Keyset(name="")


def queries(service: Service) -> list[Router]:
    """Returns the routes of all read requests."""
    return [_state(service), _orders(service), _records(service)]


def _state(service: Service) -> Router:
    router = Router(prefix="/compliance", tags=["state"])

    @router.get("/status", summary="The compliance status; a state that was never checked is unknown")
    async def status(_: Reader) -> StatusAnswer:
        return await status_now(service)

    @router.get("/overdue", summary="Obligations past due, the oldest first")
    async def overdue(
        _: Reader,
        limit: Limit = 100,
        cursor: Cursor = None,
        holder: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Page[OverdueListed]:
        now = service.clock.now()
        rows = await obligations.overdue(service.db, now, OVERDUE.after(cursor), holder, limit + 1)
        return OVERDUE.page(rows, limit, lambda row: OverdueListed.of(row, now))

    return router


def _orders(service: Service) -> Router:
    router = Router(prefix="/compliance", tags=["orders"])
    settled = CommittedFeed(service.db)

    @router.get(
        "/revocations", summary="Orders: the newest first, or with `after` as a feed, the oldest first"
    )
    async def list_revocations(
        _: Reader,
        *,
        limit: Limit = 100,
        cursor: Cursor = None,
        after: Annotated[
            str | None,
            Query(
                max_length=1024, description="`next_cursor` of the previous page; empty: from the beginning"
            ),
        ] = None,
        is_open: Annotated[bool | None, Query(alias="open")] = None,
        kind: Kind | None = None,
        reason: ReasonCode | None = None,
    ) -> Page[OrderListed] | OrderFeed:
        if after is not None:
            return await _feed(service, settled, FEED.after(after)[0], limit)
        rows = await revocations.page(
            service.db, ORDERS.after(cursor)[0], is_open=is_open, kind=kind, reason=reason, limit=limit + 1
        )
        return ORDERS.page(rows, limit, lambda row: OrderListed.model_validate(dict(row)))

    @router.get(
        "/revocations/{revocation_id}", summary="One order with its notices, obligations and receipts"
    )
    async def one_revocation(_: Reader, revocation_id: UUID) -> OrderDetail:
        row = existing(await revocations.one(service.db, revocation_id), "There is no such order.")
        return await _order_detail(service, row)

    @router.get("/takedowns/{article_id}", summary="The complete history of one article, in order")
    async def takedown(_: Reader, article_id: Annotated[ArticleId, Path()]) -> Takedown:
        await service.require_own_orders()  # stores apply these orders
        row = existing(
            await articles.one(service.db, article_id), "There is no notice or order on this article."
        )
        return await _takedown(service, row)

    return router


async def _feed(service: Service, settled: CommittedFeed, after: int, limit: int) -> OrderFeed:
    """Returns orders after a position, without gaps; the cursor is never null, so a reader can continue later."""
    await service.require_own_orders()
    rows = await settled.feed(after, limit, service.clock.now())
    return OrderFeed(
        items=[OrderFed.model_validate(dict(row)) for row in rows],
        next_cursor=FEED.cursor(rows[-1] if rows else {"seq": after}),
        caught_up=len(rows) < limit,
    )


async def _order_detail(service: Service, row: Row) -> OrderDetail:
    revocation_id, more = row["revocation_id"], LIMIT_MAX + 1
    answers = await receipts.of_order(service.db, row["article_id"], row["order_no"], more)
    noticed = await notices.of_revocation(service.db, revocation_id, more)
    owed = await obligations.of_revocations(service.db, [revocation_id])
    return OrderDetail.model_validate(
        {
            **row,
            "notices": list(map(dict, noticed[:LIMIT_MAX])),
            "notices_truncated": len(noticed) > LIMIT_MAX,
            "obligations": list(map(dict, owed)),
            "receipts": list(map(dict, answers[:LIMIT_MAX])),
            "receipts_truncated": len(answers) > LIMIT_MAX,
        }
    )


async def _takedown(service: Service, row: Row) -> Takedown:
    orders = await revocations.of_article(service.db, row["article_id"])
    owed = await obligations.of_revocations(service.db, [order["revocation_id"] for order in orders])
    noticed = await notices_page(service, row["article_id"])
    answers = await receipts_page(service, row["article_id"])
    return Takedown.model_validate(
        {
            **row,
            "notices": noticed.items,
            "notices_next_cursor": noticed.next_cursor,
            "orders": list(map(dict, orders)),
            "obligations": list(map(dict, owed)),
            "receipts": answers.items,
            "receipts_next_cursor": answers.next_cursor,
        }
    )


def _records(service: Service) -> Router:
    router = Router(prefix="/compliance", tags=["records"])

    @router.get("/runs", summary="Runs of the daily check, the newest first")
    async def list_runs(_: Reader, limit: Limit = 100, cursor: Cursor = None) -> Page[RunAnswer]:
        rows = await runs.page(service.db, RUNS.after(cursor), limit + 1)
        return RUNS.page(rows, limit, lambda row: RunAnswer.model_validate(dict(row)))

    @router.get("/runs/{run_id}", summary="One run, with the definition of each of its figures")
    async def one_run(_: Reader, run_id: UUID) -> RunExplained:
        row = existing(await runs.one(service.db, run_id), "There is no such run.")
        return run_explained(row)

    @router.get("/holders", summary="Holders by name")
    async def list_holders(
        _: Reader, *, limit: Limit = 100, cursor: Cursor = None, left: bool = False
    ) -> Page[HolderListed]:
        rows = await holders.page(service.db, HOLDERS.after(cursor)[0], left_too=left, limit=limit + 1)
        sums = await obligations.open_sums(
            service.db, [row["name"] for row in rows[:limit]], service.clock.now()
        )
        return HOLDERS.page(
            rows,
            limit,
            lambda row: HolderListed.model_validate({**row, "obligations": dict(sums[row["name"]])}),
        )

    @router.get("/holders/{name}", summary="One holder with its changes")
    async def one_holder(_: Reader, name: str) -> HolderDetail:
        return await holder_detail(service, name)

    return router


def history(service: Service) -> Router:
    """Returns the routes under `/admin` for operators and officers."""
    router = Router(prefix="/admin/compliance", tags=["history"])

    @router.get("/history", summary="Orders per day: revoked, reinstated, closed, late")
    async def by_day(
        _: Inspecting,
        start: Annotated[Moment | None, Query(alias="from")] = None,
        end: Annotated[Moment | None, Query(alias="to")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[HistoryDay]:
        now = service.clock.now()
        until = end or now + timedelta(seconds=1)
        since = start or until - timedelta(days=limit)
        days = Keyset(day=until, since=since)
        until, since = days.after(cursor)
        rows = await revocations.history(service.db, since, until, now, limit + 1)
        return days.page([{**row, "since": since} for row in rows], limit, HistoryDay.model_validate)

    return router
