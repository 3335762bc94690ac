"""The read endpoints: policies, sweeps with the owners' answers, holds with their history."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from clawback_common.http.paging import Cursor, Limit, Page, newest_first
from clawback_common.http.problem import existing
from clawback_common.http.routing import Router
from retention.entrypoints.http.callers import Reader
from retention.entrypoints.http.schemas import (
    HoldDetail,
    HoldListed,
    PolicyAnswer,
    SweepDetail,
    SweepListed,
    SweepState,
)
from retention.storage import answers, holds, sweeps
from retention.use_cases.service import Service

SWEEPS = newest_first("requested_at", "sweep_id")
HOLDS = newest_first("placed_at", "hold_id")
NO_HOLD = "There is no such hold."
ClassName = Annotated[str | None, Query(max_length=50)]


def queries(service: Service) -> list[Router]:
    """Returns the routers of all reads."""
    return [_policies(service), _sweeps(service), _holds(service)]


def _policies(service: Service) -> Router:
    router = Router(prefix="/retention", tags=["policies"])

    @router.get("/policies", summary="How long each class is kept, by whom, why, and when it was last swept")
    async def policies(_: Reader) -> Page[PolicyAnswer]:
        now = service.clock.now()
        last = await sweeps.last_done(service.db, service.policies)
        in_force = await holds.counts(service.db)
        return Page(
            items=[
                PolicyAnswer.of(policy, now, last.get(name), in_force.get(name, 0))
                for name, policy in service.policies.items()
            ]
        )

    return router


def _sweeps(service: Service) -> Router:
    router = Router(prefix="/retention", tags=["sweeps"])

    @router.get("/sweeps", summary="Sweeps, newest first")
    async def list_sweeps(
        _: Reader,
        limit: Limit = 100,
        cursor: Cursor = None,
        data_class: ClassName = None,
        state: SweepState | None = None,
    ) -> Page[SweepListed]:
        rows = await sweeps.page(service.db, SWEEPS.after(cursor), limit + 1, data_class, state)
        given = await answers.of_sweeps(service.db, [row["sweep_id"] for row in rows[:limit]])
        return SWEEPS.page(
            rows,
            limit,
            lambda row: SweepListed.of(row, [one for one in given if one["sweep_id"] == row["sweep_id"]]),
        )

    @router.get("/sweeps/{sweep_id}", summary="One sweep with all answers of its owners")
    async def one_sweep(_: Reader, sweep_id: UUID) -> SweepDetail:
        row = existing(await sweeps.one(service.db, sweep_id), "There is no such sweep.")
        return SweepDetail.of(row, await answers.of_sweeps(service.db, [sweep_id]))

    return router


def _holds(service: Service) -> Router:
    router = Router(prefix="/retention", tags=["holds"])

    @router.get("/holds", summary="Legal holds, newest first, without the ids that they name")
    async def list_holds(
        _: Reader,
        *,
        limit: Limit = 100,
        cursor: Cursor = None,
        data_class: ClassName = None,
        ended: Annotated[bool, Query(description="Include holds that have ended")] = False,
    ) -> Page[HoldListed]:
        rows = await holds.page(service.db, HOLDS.after(cursor), limit + 1, data_class, ended_too=ended)
        return HOLDS.page(rows, limit, lambda row: HoldListed.model_validate(dict(row)))

    @router.get("/holds/{hold_id}", summary="One hold with its ids and its history")
    async def one_hold(_: Reader, hold_id: UUID) -> HoldDetail:
        return await hold_detail(service, hold_id)

    return router


async def hold_detail(service: Service, hold_id: UUID) -> HoldDetail:
    """Returns one hold with its ids and its history.

    Raises:
        Problem: 404.
    """
    row = existing(await holds.one(service.db, hold_id), NO_HOLD)
    history = [dict(change) for change in await holds.changes(service.db, hold_id)]
    return HoldDetail.model_validate({**row, "history": history})
