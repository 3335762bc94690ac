"""What people read of retention: policies, sweeps with what each owner answered, holds with their history."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import Query

from clawback_common.db.pool import Row
from clawback_common.http.paging import Cursor, Limit, decode_newest_first, encode_cursor, page
from clawback_common.http.problem import Problem
from clawback_common.http.routing import Router
from retention.flow import Service
from retention.inlet.callers import Reader
from retention.state import answers, holds, sweeps

_JSON_COLUMNS = ("archives", "tables")
_BRIEF = ("owner", "outcome", "found", "removed", "archived", "held", "kept")
ClassName = Annotated[str | None, Query(max_length=50)]


def reading(service: Service) -> list[Router]:
    """All that is read."""
    return [_policies(service), _sweeps(service), _holds(service)]


def _following(rows: Sequence[Row], limit: int, at: str, key: str) -> str | None:
    """The cursor of the next page, of rows of which one more than asked for was read."""
    if len(rows) <= limit:
        return None
    last = rows[limit - 1]
    return encode_cursor(last[at].isoformat(), str(last[key]))


def _policies(service: Service) -> Router:
    router = Router(prefix="/retention", tags=["policies"])

    @router.get("/policies", summary="How long each class is kept, by whom, why, and when it was swept last")
    async def policies(_: Reader) -> Any:
        now = service.clock.now()
        last = await sweeps.last_done(service.db, service.policies)
        in_force = await holds.counts(service.db)
        return page(
            [
                {
                    "data_class": policy.data_class,
                    "description": policy.description,
                    "basis": policy.basis,
                    "age": str(policy.age),
                    "action": policy.action,
                    "owners": policy.owners,
                    "before": policy.before(now),
                    "last_swept_at": last.get(policy.data_class),
                    "holds_in_force": in_force.get(policy.data_class, 0),
                }
                for policy in service.policies.values()
            ]
        )

    return router


def _sweeps(service: Service) -> Router:
    router = Router(prefix="/retention", tags=["sweeps"])

    @router.get("/sweeps", summary="Sweeps, the newest first")
    async def list_sweeps(
        _: Reader,
        limit: Limit = 100,
        cursor: Cursor = None,
        data_class: ClassName = None,
        state: Literal["requested", "done", "attention"] | None = None,
    ) -> Any:
        rows = await sweeps.page(service.db, decode_newest_first(cursor), limit + 1, data_class, state)
        told = await answers.of_sweeps(service.db, [row["sweep_id"] for row in rows[:limit]])
        items = [
            {
                **row,
                "answers": [
                    {name: answer[name] for name in _BRIEF}
                    for answer in told
                    if answer["sweep_id"] == row["sweep_id"]
                ],
            }
            for row in rows[:limit]
        ]
        return page(items, _following(rows, limit, "requested_at", "sweep_id"))

    @router.get("/sweeps/{sweep_id}", summary="One sweep with all that its owners answered")
    async def one_sweep(_: Reader, sweep_id: UUID) -> Any:
        rows = await sweeps.some(service.db, [sweep_id])
        if not rows:
            raise Problem(404, "There is no such sweep.")
        told = [_answer(row) for row in await answers.of_sweeps(service.db, [sweep_id])]
        silent = set(rows[0]["owners"]) - {answer["owner"] for answer in told}
        return {**rows[0], "answers": told, "silent": sorted(silent)}

    return router


def _answer(row: Row) -> dict[str, Any]:
    return {
        name: orjson.loads(value) if name in _JSON_COLUMNS else value
        for name, value in row.items()
        if name != "sweep_id"
    }


def _holds(service: Service) -> Router:
    router = Router(prefix="/retention", tags=["holds"])

    @router.get("/holds", summary="Legal holds, the newest first, without the ids that they name")
    async def list_holds(
        _: Reader,
        *,
        limit: Limit = 100,
        cursor: Cursor = None,
        data_class: ClassName = None,
        ended: Annotated[bool, Query(description="Also those that are over")] = False,
    ) -> Any:
        rows = await holds.page(
            service.db, decode_newest_first(cursor), limit + 1, data_class, ended_too=ended
        )
        return page([dict(row) for row in rows[:limit]], _following(rows, limit, "placed_at", "hold_id"))

    @router.get("/holds/{hold_id}", summary="One hold with its ids and its history")
    async def one_hold(_: Reader, hold_id: UUID) -> Any:
        return await hold_told(service, hold_id)

    return router


async def hold_told(service: Service, hold_id: UUID) -> dict[str, Any]:
    """One hold with its ids and its history.

    Raises:
        Problem: 404.
    """
    row = await holds.one(service.db, hold_id)
    if row is None:
        raise Problem(404, "There is no such hold.")
    return {**row, "history": [dict(change) for change in await holds.changes(service.db, hold_id)]}
