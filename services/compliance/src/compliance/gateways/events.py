"""The events that compliance sends: orders and runs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from clawback_common.kafka.envelope import Message
from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.v1 import ArticleReinstated, ArticleRevoked, ArticleWithheld
from clawback_contracts.run.v1 import RunCompleted, RunFailed
from compliance.domain.order import Kind, Order

HOLDERS_MAX = 100
"""Holders named in one sending; if more owe an answer, all holders are asked to answer."""


def orders(
    sendings: Sequence[Order],
    cited: Mapping[UUID, Sequence[UUID]],
    at: datetime,
    addressed: Mapping[UUID, Sequence[str]] | None = None,
) -> list[Message]:
    """Returns one message per order, with the notices that it answers and the holders that must answer it.

    A message continues the trace of the first notice, so one trace leads from the provider's page to the last receipt.
    """
    return [
        Message.of(
            order_event(
                order,
                cited.get(order.revocation_id, ()),
                addressed.get(order.revocation_id) if addressed else None,
            ),
            order.sending_id,
            at=at,
            traceparent=order.traceparent,
        )
        for order in sendings
    ]


def order_event(
    order: Order, notice_ids: Sequence[UUID] = (), holders: Sequence[str] | None = None
) -> AnyOrder:
    """Returns the order as the contract's event. ``holders``: those that must answer; None: all of them."""
    shared: dict[str, Any] = {
        "article_id": order.article_id,
        "order": order.order_no,
        "previous_order": order.previous_order,
        "ordered_at": order.ordered_at,
        "attempt": order.attempts,
        "holders": None if holders is None or len(holders) > HOLDERS_MAX else tuple(holders),
    }
    if order.kind is Kind.REINSTATED:
        return ArticleReinstated(**shared, revocation_id=order.reinstates or order.revocation_id)
    shared |= {
        "revocation_id": order.revocation_id,
        "reason": order.reason,
        "notice_ids": tuple(notice_ids),
    }
    if order.kind is Kind.WITHHELD:
        return ArticleWithheld(**shared)
    return ArticleRevoked(
        **shared,
        revoked_at=order.revoked_at,
        clock_started_at=order.clock_started_at,
        due_at=order.due_at,
    )


def run_ended(event: RunCompleted | RunFailed, traceparent: str | None) -> Message:
    """Returns the event for the end of a run; each run has exactly one."""
    return Message.of(event, event_id("run", event.run_id), at=event.ended_at, traceparent=traceparent)
