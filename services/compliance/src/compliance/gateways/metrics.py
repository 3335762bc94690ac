"""The metrics of compliance."""

from collections.abc import Iterable
from datetime import datetime

from clawback_common.telemetry import counter, gauge, histogram
from clawback_contracts.revocation.v1 import Reason
from compliance.domain.order import Decision, IssueOrder, ResendOrder

CLOSED_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)
"""Seconds: from a store in the same cluster up to the deadline."""
NOTICES = counter("compliance_notices_total", "Notices recorded for the first time.", ("reason",))
REPEATS = counter("compliance_notice_repeats_total", "Notices that were already recorded.")
ORDERS = counter("compliance_orders_total", "New orders.", ("kind",))
RECOVERED = counter(
    "compliance_orders_recovered_total",
    "Orders recovered from the topic after a restore of the database.",
)
SENT_AGAIN = counter("compliance_orders_sent_again_total", "Repeated sendings of orders.")
RECEIPTS = counter("compliance_receipts_total", "Receipts, by outcome.", ("meaning",))
VERIFIED = counter("compliance_verified_total", "Obligations closed by a holdings check.", ("holder",))
STILL_HELD = counter(
    "compliance_still_held_total",
    "Articles that a holder still held after reporting their removal.",
    ("holder",),
)
CHECKS_FAILED = counter(
    "compliance_looks_failed_total", "Holdings checks without a usable answer.", ("holder",)
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
    "Age of the oldest open prompt obligation of the holder; 0: none is open.",
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
    "From an order to the verification of the holder's obligation.",
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
RUNS = counter("compliance_runs_total", "Runs, by outcome.", ("outcome",))


def closed(holder: str, opened: Iterable[datetime], now: datetime) -> None:
    """Observes how long a holder's obligations were open."""
    for at in opened:
        HOLDER_CLOSED_AFTER.labels(holder).observe((now - at).total_seconds())


def count(decisions: Iterable[Decision]) -> None:
    """Counts the decisions on notices."""
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
    """Returns the metric label of a reason. Senders may use new reasons; label values must be bounded."""
    return reason if reason in {one.value for one in Reason} else "other"
