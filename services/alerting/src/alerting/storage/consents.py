"""The history of the recipients' consents, as recorded in the routes file."""

from collections.abc import Iterable
from datetime import datetime

from alerting.domain.routing import Recipient
from clawback_common.postgres import Querier, Queries
from clawback_common.postgres.pool import Row
from clawback_common.postgres.rows import columns

SQL = Queries.load(__package__, "consents")
HISTORY_MAX = 500


async def record(db: Querier, recipients: Iterable[Recipient], now: datetime) -> None:
    """Records the consents that changed in the file."""
    rows = [
        (one, channel, address) for one in recipients for channel, address in sorted(one.addresses.items())
    ]
    await db.execute(
        SQL["record"],
        *columns([one for one, *_ in rows], "name consented_at consented_by withdrawn_at"),
        [channel for _, channel, _ in rows],
        [address for _, _, address in rows],
        now,
    )


async def history(db: Querier) -> list[Row]:
    """Returns the recorded consents, latest first, at most one more than `HISTORY_MAX`."""
    return await db.fetch(SQL["history"], HISTORY_MAX + 1)
