"""The history of the recipients' consents, as recorded in the routes file."""

from collections.abc import Iterable
from datetime import datetime

from alerting.domain.routing import Recipient
from clawback_common.postgres import Querier, Queries
from clawback_common.postgres.pool import Row

SQL = Queries.load(__package__, "consents")
HISTORY_MAX = 500


async def record(db: Querier, recipients: Iterable[Recipient], now: datetime) -> None:
    """Records the consents that changed in the file."""
    rows = [
        (one, channel, address) for one in recipients for channel, address in sorted(one.addresses.items())
    ]
    await db.execute(
        SQL["record"],
        [one.name for one, _, _ in rows],
        [channel for _, channel, _ in rows],
        [address for _, _, address in rows],
        [one.consented_at for one, _, _ in rows],
        [one.consented_by for one, _, _ in rows],
        [one.withdrawn_at for one, _, _ in rows],
        now,
    )


async def history(db: Querier) -> list[Row]:
    """Returns the recorded consents, latest first, at most one more than `HISTORY_MAX`."""
    return await db.fetch(SQL["history"], HISTORY_MAX + 1)
