"""Answers to orders: a receipt for each that was applied, an incident and an alert for each that cannot be read."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from clawback_common.alerts import messages
from clawback_common.kafka.envelope import Batch, Message
from clawback_common.messaging import incidents
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Transaction
from clawback_common.subjects import is_article_id
from clawback_contracts.holder.answers import addressed, outcomes_of, receipt
from clawback_contracts.revocation.folding import AnyOrder, Folded


def receipts(
    batch: Batch[AnyOrder],
    rows: Mapping[str, Folded],
    holder: str,
    emptied: Collection[str],
    purged: Collection[str],
    at: datetime,
) -> Iterator[Message]:
    """Yield the receipts for the orders of a batch that were applied and that this holder must answer.

    Args:
        batch: the orders, repeated ones included.
        rows: the results of the orders, by article id.
        holder: the name of the store in compliance.
        emptied: the ids with just deleted content.
        purged: the ids with just deleted quarantined records.
        at: the time of the answers.
    """
    for one in batch:
        order, row = one.value, rows[one.value.article_id]
        if row.covers(order) and addressed(order, holder):
            answer = receipt(order, holder, outcomes_of(order, row, emptied, purged), at=at)
            yield Message.of(answer, answer.receipt_id, at=at, traceparent=one.traceparent)


def named_articles(bad: Sequence[Bad]) -> list[str]:
    """Return the ids of the articles that unreadable orders name, sorted."""
    return sorted({one.subject for one in bad if one.subject and is_article_id(one.subject)})


async def report_unreadable(
    tx: Transaction, outbox: PriorityOutbox, service: str, bad: Sequence[Bad], effect: str, now: datetime
) -> None:
    """Open an incident and raise an alert for each unreadable order; ``effect`` says what happens to its article."""
    await incidents.open_for_unreadable(tx, bad, now)
    await outbox.put(
        tx,
        [
            messages.event(
                service,
                "UnreadableOrder",
                f"An order in {one.topic} partition {one.partition} offset {one.offset} could not be read "
                f"({one.error.reason}); its article {effect}. Check the order, then close the incident.",
                at=now,
                cause=one.id,
                topic=one.topic,
                subject=one.subject if one.subject and is_article_id(one.subject) else "none",
            )
            for one in bad
        ],
    )
