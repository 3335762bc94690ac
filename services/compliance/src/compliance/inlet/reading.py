"""What people read of compliance. Nothing here says more than is known: what was never checked is unknown."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Path, Query

from clawback_common import incidents
from clawback_common.db.pool import Row
from clawback_common.http.moments import Moment
from clawback_common.http.paging import (
    LIMIT_MAX,
    Cursor,
    Limit,
    Page,
    bad_cursor,
    decode_cursor,
    decode_instant,
    decode_newest_first,
    encode_cursor,
    page,
)
from clawback_common.http.problem import Problem
from clawback_common.http.routing import Router
from clawback_common.watching import watches
from clawback_contracts.envelope import ArticleId
from clawback_contracts.revocation.v1 import Reason
from compliance.domain import condition
from compliance.domain.order import Kind
from compliance.flow import Service
from compliance.inlet.callers import Inspecting, Reader
from compliance.inlet.run_answers import RunAnswer, RunExplained, run_explained
from compliance.inlet.schemas import OwedSum
from compliance.inlet.takedown_pages import notices_page, receipts_page
from compliance.state import articles, holders, notices, obligations, receipts, revocations, runs
from compliance.state.obligations import StateCount
from compliance.state.revocations import Settled

FOREVER = 2**63 - 1
_JSON_COLUMNS = ("answers", "evidence", "removals", "labels", "filter", "polls", "now", "signing_keys")


def plain(row: Row) -> dict[str, Any]:
    """A row as it is told, its JSON columns read."""
    return {
        name: orjson.loads(value) if name in _JSON_COLUMNS and isinstance(value, str) else value
        for name, value in row.items()
    }


def by_time(rows: list[Row], limit: int, at: str, key: str) -> dict[str, Any]:
    """A page of rows by time and id, of which one more than asked for was read."""
    items = [plain(row) for row in rows[:limit]]
    last = items[-1] if len(rows) > limit else None
    return page(items, encode_cursor(last[at].isoformat(), str(last[key])) if last else None)


def reading(service: Service) -> list[Router]:
    """All that is read."""
    return [_state(service), _orders(service), _records(service)]


def _state(service: Service) -> Router:
    router = Router(prefix="/compliance", tags=["state"])

    @router.get("/status", summary="Where we stand; what was never checked is unknown")
    async def status(_: Reader) -> Any:
        now = service.clock.now()
        last = await runs.last_completed(service.db)
        late = await obligations.lateness(service.db, now)
        overdue, at_risk = sum(one.overdue for one in late), sum(one.at_risk for one in late)
        waiting = await incidents.open_count(service.db)
        failed = await runs.failed_in_a_row(service.db)
        found = condition.reasons(condition.Standing(last, failed, overdue, waiting), now)
        counted = await revocations.counts(service.db)
        ended = await runs.last(service.db)
        raised = await watches.raised(service.db)
        return {
            "status": condition.overall(found),
            "reasons": [asdict(one) for one in found],
            "mock": service.settings.mock,
            "as_of": now,
            "deadline_h": service.settings.takedown_deadline_h,
            "runs": {
                "state": condition.run_state(last, now),
                "last_completed_at": last,
                "failed_in_a_row": failed,
                "last": plain(ended) if ended else None,
            },
            "orders": counted,
            "obligations": _by_state(await obligations.counts(service.db)),
            "overdue": overdue,
            "at_risk": at_risk,
            "late_holders": [
                {"holder": one.holder, "overdue": one.overdue, "at_risk": one.at_risk} for one in late
            ],
            "open_incidents": waiting,
            "alerts": [plain(row) for row in raised[: watches.RAISED_MAX]],
            "alerts_truncated": len(raised) > watches.RAISED_MAX,
        }

    @router.get("/overdue", summary="Obligations past due, the oldest first")
    async def overdue(
        _: Reader,
        limit: Limit = 100,
        cursor: Cursor = None,
        holder: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Any:
        after = (datetime.min.replace(tzinfo=UTC), UUID(int=0), "")
        if cursor:
            at, order, name = decode_cursor(cursor, str, str, str)
            try:
                after = (decode_instant(at), UUID(order), name)
            except ValueError:
                raise bad_cursor() from None
        now = service.clock.now()
        rows = await obligations.overdue(service.db, now, after, holder, limit + 1)
        items = [{**row, "late_s": round((now - row["due_at"]).total_seconds())} for row in rows[:limit]]
        last = items[-1] if len(rows) > limit else None
        return page(
            items,
            encode_cursor(last["due_at"].isoformat(), str(last["revocation_id"]), last["holder"])
            if last
            else None,
        )

    return router


def _orders(service: Service) -> Router:
    router = Router(prefix="/compliance", tags=["orders"])
    settled = Settled(service.db)

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
            Query(max_length=1024, description="`next_cursor` of the page before, empty for the beginning"),
        ] = None,
        is_open: Annotated[bool | None, Query(alias="open")] = None,
        kind: Kind | None = None,
        reason: Reason | None = None,
    ) -> Any:
        if after is not None:
            return await _feed(service, settled, int(decode_cursor(after, int)[0]) if after else 0, limit)
        before = int(decode_cursor(cursor, int)[0]) if cursor else FOREVER
        rows = await revocations.page(
            service.db, before, is_open=is_open, kind=kind, reason=reason, limit=limit + 1
        )
        following = encode_cursor(rows[limit - 1]["seq"]) if len(rows) > limit else None
        return page([_told(row) for row in rows[:limit]], following)

    @router.get(
        "/revocations/{revocation_id}", summary="One order with its notices, obligations and receipts"
    )
    async def one_revocation(_: Reader, revocation_id: UUID) -> Any:
        row = await revocations.one(service.db, revocation_id)
        if row is None:
            raise Problem(404, "There is no such order.")
        answers = await receipts.of_order(service.db, row["article_id"], row["order_no"], LIMIT_MAX + 1)
        noticed = await notices.of_revocation(service.db, revocation_id, LIMIT_MAX + 1)
        return {
            **_told(row),
            "notices": [dict(notice) for notice in noticed[:LIMIT_MAX]],
            "notices_truncated": len(noticed) > LIMIT_MAX,
            "obligations": [plain(o) for o in await obligations.of_revocations(service.db, [revocation_id])],
            "receipts": [plain(receipt) for receipt in answers[:LIMIT_MAX]],
            "receipts_truncated": len(answers) > LIMIT_MAX,
        }

    @router.get("/takedowns/{article_id}", summary="All that happened to one article, in order")
    async def takedown(_: Reader, article_id: Annotated[ArticleId, Path()]) -> Any:
        await service.require_own_orders()  # stores apply what is answered here
        row = await articles.one(service.db, article_id)
        if row is None:
            raise Problem(404, "No notice or order was ever given on this article.")
        orders = await revocations.of_article(service.db, article_id)
        owed = await obligations.of_revocations(service.db, [order["revocation_id"] for order in orders])
        noticed = await notices_page(service, article_id)
        answers = await receipts_page(service, article_id)
        return {
            **_told(row),
            "notices": noticed["items"],
            "notices_next_cursor": noticed["next_cursor"],
            "orders": [_told(order) for order in orders],
            "obligations": [plain(obligation) for obligation in owed],
            "receipts": answers["items"],
            "receipts_next_cursor": answers["next_cursor"],
        }

    return router


async def _feed(service: Service, settled: Settled, after: int, limit: int) -> dict[str, Any]:
    """Orders from a position on, none left out; the cursor is never null, so that a reader can come again."""
    await service.require_own_orders()
    rows = await settled.feed(after, limit, service.clock.now())
    following = encode_cursor(rows[-1]["seq"] if rows else after)
    return {**page([_told(row) for row in rows], following), "caught_up": len(rows) < limit}


def _told(row: Row) -> dict[str, Any]:
    """An order in the words of the contract."""
    told = {("order" if name == "order_no" else name): value for name, value in row.items() if name != "seq"}
    return told | ({"is_open": row["closed_at"] is None} if "closed_at" in told else {})


def _by_state(counted: list[StateCount]) -> dict[str, dict[str, int]]:
    told: dict[str, dict[str, int]] = {"prompt": {}, "by_time": {}}
    for one in counted:
        told["by_time" if one.by_time else "prompt"][one.state] = one.obligations
    return told


def _records(service: Service) -> Router:
    router = Router(prefix="/compliance", tags=["records"])

    @router.get("/runs", summary="Runs of the daily check, the newest first", response_model=Page[RunAnswer])
    async def list_runs(_: Reader, limit: Limit = 100, cursor: Cursor = None) -> Any:
        rows = await runs.page(service.db, decode_newest_first(cursor), limit + 1)
        return by_time(rows, limit, "asked_at", "run_id")

    @router.get("/runs/{run_id}", summary="One run, and why each of its figures counts as it does")
    async def one_run(_: Reader, run_id: UUID) -> RunExplained:
        row = await runs.one(service.db, run_id)
        if row is None:
            raise Problem(404, "There is no such run.")
        return run_explained(row)

    @router.get("/holders", summary="Who can hold a copy, by name")
    async def list_holders(
        _: Reader, *, limit: Limit = 100, cursor: Cursor = None, left: bool = False
    ) -> Any:
        after = str(decode_cursor(cursor, str)[0]) if cursor else ""
        rows = await holders.page(service.db, after, left_too=left, limit=limit + 1)
        following = encode_cursor(rows[limit - 1]["name"]) if len(rows) > limit else None
        sums = await obligations.owed_sums(
            service.db, [row["name"] for row in rows[:limit]], service.clock.now()
        )
        items = [
            {**holder_told(row), "owes": OwedSum.model_validate(dict(sums[row["name"]]))}
            for row in rows[:limit]
        ]
        return page(items, following)

    @router.get("/holders/{name}", summary="One holder with what changed")
    async def one_holder(_: Reader, name: str) -> Any:
        row = await holders.one(service.db, name)
        if row is None:
            raise Problem(404, "There is no such holder.")
        changed = await holders.changes(service.db, name)
        owed = await obligations.unclosed_of_holder(service.db, name)
        return {
            **holder_told(row),
            "unclosed": owed,
            "changes": [plain(change) for change in changed[-holders.CHANGES_MAX :]],
            "changes_truncated": len(changed) > holders.CHANGES_MAX,
        }

    @router.get("/incidents", summary="What waits for a person, the newest first")
    async def list_incidents(
        _: Reader, *, limit: Limit = 100, cursor: Cursor = None, closed: bool = False
    ) -> Any:
        before, before_id = decode_newest_first(cursor)
        rows = await incidents.page(
            service.db, closed_too=closed, before=before, before_id=before_id, limit=limit + 1
        )
        return by_time(rows, limit, "opened_at", "id")

    return router


def holder_told(row: Row) -> dict[str, Any]:
    """A holder in the words of the contract."""
    told = plain(row)
    told["group"] = told.pop("consumer_group")
    return told


def history(service: Service) -> Router:
    """Under `/admin`, for whoever minds the whole."""
    router = Router(prefix="/admin/compliance", tags=["history"])

    @router.get("/history", summary="Orders a day: revoked, reinstated, closed, late")
    async def by_day(
        _: Inspecting,
        start: Annotated[Moment | None, Query(alias="from")] = None,
        end: Annotated[Moment | None, Query(alias="to")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Any:
        now = service.clock.now()
        until = end or now + timedelta(seconds=1)
        since = start or until - timedelta(days=limit)
        if cursor:
            before, first = decode_cursor(cursor, str, str)
            until, since = decode_instant(before), decode_instant(first)
        rows = await revocations.history(service.db, since, until, now, limit + 1)
        last = rows[limit - 1] if len(rows) > limit else None
        following = encode_cursor(last["day"].isoformat(), since.isoformat()) if last else None
        return page([dict(row) for row in rows[:limit]], following)

    return router
