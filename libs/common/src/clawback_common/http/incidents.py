"""Lists of incidents, which every service that opens some answers alike."""

from clawback_common import incidents
from clawback_common.db import Querier
from clawback_common.http.paging import Page, decode_newest_first, next_by_time
from clawback_common.http.schemas import Incident


async def incidents_page(db: Querier, cursor: str | None, limit: int, *, closed: bool) -> Page[Incident]:
    """One page, newest first; ``closed``: also those that a person has closed.

    Raises:
        Problem: 422 for a cursor that is none of this list.
    """
    before, before_id = decode_newest_first(cursor)
    rows = await incidents.page(db, closed_too=closed, before=before, before_id=before_id, limit=limit + 1)
    items = [Incident.model_validate(dict(row)) for row in rows[:limit]]
    return Page(items=items, next_cursor=next_by_time(rows, limit, "opened_at", "id"))
