"""The open obligations of a holder."""

from datetime import datetime

from clawback_common.http.paging import Cursor, Limit, Page, oldest_first
from clawback_common.http.problem import existing
from clawback_common.http.routing import Router
from clawback_common.postgres.pool import Row
from compliance.domain.order import Kind
from compliance.entrypoints.http.callers import Reader
from compliance.entrypoints.http.holder_schemas import LastAnswer, OpenObligation
from compliance.storage import holders, obligations
from compliance.use_cases.service import Service

MOST_URGENT_FIRST = oldest_first("due_at", "revocation_id")


def open_obligations(service: Service) -> Router:
    """Returns the route that lists a holder's open obligations."""
    router = Router(prefix="/compliance/holders", tags=["holders"])

    @router.get("/{name}/obligations", summary="Open obligations of a holder, the most urgent first")
    async def owed(name: str, _: Reader, limit: Limit = 100, cursor: Cursor = None) -> Page[OpenObligation]:
        existing(await holders.one(service.db, name), "There is no such holder.")
        now = service.clock.now()
        rows = await obligations.open_of_holder(service.db, name, MOST_URGENT_FIRST.after(cursor), limit + 1)
        return MOST_URGENT_FIRST.page(rows, limit, lambda row: _item(row, now))

    return router


def _item(row: Row, now: datetime) -> OpenObligation:
    answered = (
        LastAnswer(answered_at=row["answered_at"], attempt=row["answered_attempt"], meaning=row["meaning"])
        if row["answered_at"]
        else None
    )
    left = round((row["due_at"] - now).total_seconds()) if row["order_kind"] != Kind.WITHHELD else None
    given = {**row, "seconds_left": left, "last_answer": answered}
    return OpenObligation.model_validate(given)
