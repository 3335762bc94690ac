"""Orders that do not follow the last order that a store has applied; stored until compliance has confirmed them.

Either an order between the two is missing, or compliance did not issue the new one. The store withholds the article at
once, and then applies the orders that compliance returns.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from pydantic import AnyHttpUrl

from clawback_common.alerts import messages
from clawback_common.errors import Transient
from clawback_common.http.client import sibling
from clawback_common.kafka.envelope import Batch, Received
from clawback_common.messaging import incidents
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_common.postgres.rows import columns
from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.feed import order_listed
from clawback_contracts.revocation.folding import AnyOrder, Folded

SQL = Queries.load(__package__, "unconfirmed")
FAILED_AGAIN = timedelta(seconds=30)
"""Delay before an article is asked again after a failed answer."""
FAILURES_MAX = 3
"""A round ends after this many failures; the articles that were not asked are due again in ten seconds."""
_NONE_KNOWN = 404


async def put(
    tx: Transaction, rows: Iterable[Folded], traceparents: Mapping[str, str | None], now: datetime
) -> list[str]:
    """Store the unconfirmed orders of these results, one per article; of two, the one with the greater number.

    Returns:
        The ids of their articles.
    """
    orders = [row.unconfirmed for row in rows if row.unconfirmed]
    ids = [order.article_id for order in orders]
    if orders:
        await tx.execute(
            SQL["put"],
            *columns(orders, "article_id order revocation_id"),
            [traceparents.get(article_id) for article_id in ids],
            now,
        )
    return ids


async def due(db: Database, now: datetime) -> list[Row]:
    """Return up to 50 orders that are due to be confirmed; each is due again in ten seconds if it is not answered."""
    return await db.fetch(SQL["due"], now)


async def answered(tx: Transaction, article_id: str, order_no: int) -> bool:
    """Delete a confirmed order; return False when a greater one arrived or another process was faster."""
    return bool(await tx.fetch(SQL["answered"], article_id, order_no))


async def issued(compliance: AnyHttpUrl, key_file: Path | None, article_id: str) -> list[AnyOrder]:
    """Return every order that compliance has issued on an article.

    Raises:
        Transient: no response, or one that cannot be parsed.
    """
    path = f"/compliance/takedowns/{article_id}"
    async with sibling("compliance", compliance, key_file) as issuer:
        answer = await issuer.send("GET", path)
        if answer.status_code == _NONE_KNOWN:
            return []
        if not answer.is_success:
            raise issuer.refused(path, answer)
    try:
        return [order_listed(item) for item in answer.json()["orders"]]
    except (ValueError, KeyError, TypeError) as error:
        raise Transient(
            f"compliance sent a list of orders that cannot be parsed ({type(error).__name__})"
        ) from None


class CompliancePeer(Protocol):
    """The settings for calls to compliance."""

    @property
    def compliance_url(self) -> AnyHttpUrl:
        """Its address."""

    @property
    def compliance_api_key_file(self) -> Path | None:
        """File with our API key there."""


async def confirm(
    db: Database,
    now: datetime,
    settings: CompliancePeer,
    confirmed: Callable[[Row, Batch[AnyOrder]], Awaitable[None]],
) -> None:
    """Ask compliance for the orders on articles with unconfirmed orders, and pass each answer to `confirmed`.

    An article whose answer fails is asked again later and does not stop the others.

    Raises:
        Transient: an answer failed. After several failures compliance may be unavailable, and the round ends.
    """
    failures: list[Transient] = []
    for doubtful in await due(db, now):
        article_id, trace = doubtful["article_id"], doubtful["traceparent"]
        try:
            orders = await issued(settings.compliance_url, settings.compliance_api_key_file, article_id)
            await confirmed(doubtful, [Received(one, "", trace, one.TOPIC, -1, -1) for one in orders])
        except Transient as error:
            failures.append(error)
            await db.execute(SQL["ask_later"], article_id, now + FAILED_AGAIN)
            if len(failures) >= FAILURES_MAX:
                break
    if failures:
        raise failures[0]


async def report_unless_issued(
    tx: Transaction,
    outbox: PriorityOutbox,
    service: str,
    doubtful: Row,
    issued: Batch[AnyOrder],
    now: datetime,
) -> None:
    """Open an incident and raise an alert for an order that compliance did not issue."""
    article_id, order_no = doubtful["article_id"], doubtful["order_no"]
    known = {(one.value.order, one.value.revocation_id) for one in issued}
    if (order_no, doubtful["revocation_id"]) in known:
        return
    incident_id = event_id("order_not_issued", article_id, order_no)
    await incidents.open_all(
        tx, "order_not_issued", [(incident_id, article_id, f"compliance did not issue order {order_no}")], now
    )
    summary = f"An order on {article_id} was not issued by compliance and is not applied: see the incident."
    alert = messages.event(service, "OrderNotIssued", summary, at=now, cause=incident_id, subject=article_id)
    await outbox.put(tx, [alert])
