"""What compliance counts, typed by name."""

from collections.abc import Iterable
from datetime import datetime

from clawback_common.telemetry import counter, gauge, histogram
from clawback_contracts.revocation.v1 import Reason
from compliance.domain.order import Decision, IssueOrder, ResendOrder

CLOSED_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)
"""Seconds, from a store beside us to the deadline."""
NOTICES = counter("compliance_notices_total", "Notices recorded for the first time.", ("reason",))
REPEATS = counter("compliance_notice_repeats_total", "Notices that had been seen before.")
ORDERS = counter("compliance_orders_total", "New orders.", ("kind",))
RECOVERED = counter(
    "compliance_orders_recovered_total",
    "Orders that a restored database had forgotten and the topic still had.",
)
SENT_AGAIN = counter("compliance_orders_sent_again_total", "Orders sent once more.")
RECEIPTS = counter("compliance_receipts_total", "Receipts, by what they meant.", ("meaning",))
VERIFIED = counter("compliance_verified_total", "Obligations closed by looking.", ("holder",))
STILL_HELD = counter(
    "compliance_still_held_total", "Articles that a holder said it removed and has.", ("holder",)
)
CHECKS_FAILED = counter(
    "compliance_looks_failed_total", "Questions for holdings without a useful answer.", ("holder",)
)
OVERDUE = gauge("compliance_overdue_items", "Prompt obligations past due.", ("holder",))
AT_RISK = gauge("compliance_at_risk_items", "Prompt obligations close to their deadline.", ("holder",))
OPEN = gauge(
    "compliance_open_obligations_items",
    "Obligations that are not closed; the kind is the order's.",
    ("holder", "kind", "state"),
)
OLDEST_OPEN = gauge(
    "compliance_oldest_open_age_seconds",
    "Since the oldest prompt obligation of the holder that is open was ordered; 0: none.",
    ("holder",),
)
NEXT_DUE = gauge(
    "compliance_next_deadline_seconds",
    "Until the first prompt obligation of the holder is due, negative when it is overdue; +Inf: none is open.",
    ("holder",),
)
WAITING = gauge(
    "compliance_waiting_requests_items",
    "Requests on which a second person has not decided.",
    ("state",),
)
HOLDER_CLOSED_AFTER = histogram(
    "compliance_obligation_closed_seconds",
    "From an order to the holder's obligation verified.",
    ("holder",),
    buckets=CLOSED_BUCKETS,
)
LAST_RUN = gauge(
    "compliance_last_run_completed_seconds", "Unix time of the last run that completed; 0: none."
)
CLOSED_AFTER = histogram(
    "compliance_order_closed_seconds",
    "From an order to its last prompt obligation closed.",
    buckets=CLOSED_BUCKETS,
)
RUNS = counter("compliance_runs_total", "Runs, by how they ended.", ("outcome",))


def closed(holder: str, opened: Iterable[datetime], now: datetime) -> None:
    """Observes how long obligations of a holder were open."""
    for at in opened:
        HOLDER_CLOSED_AFTER.labels(holder).observe((now - at).total_seconds())


def count(decisions: Iterable[Decision]) -> None:
    """Counts what was decided on notices."""
    for decision in decisions:
        match decision:
            case IssueOrder():
                ORDERS.labels(decision.kind.value).inc()
                for notice in decision.notices:
                    NOTICES.labels(_label(notice.reason)).inc()
            case ResendOrder():
                REPEATS.inc(len(decision.notices) - len(decision.new))
                for notice in decision.new:
                    NOTICES.labels(_label(notice.reason)).inc()


def _label(reason: str) -> str:
    """Senders may invent reasons; a metric has no label without a bound."""
    return reason if reason in {one.value for one in Reason} else "other"
