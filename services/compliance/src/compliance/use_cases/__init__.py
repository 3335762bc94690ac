"""The use cases of compliance: notices become orders, holders answer them, and holdings checks verify the removal.

Each event has one function with one transaction. All of them lock rows in the same order, so that they cannot
deadlock: articles, orders, obligations, each by id.
"""

from compliance.use_cases.beginning import begin
from compliance.use_cases.holders import close_unverifiable, holder_left, holder_registered, resend
from compliance.use_cases.incidents import close_incident, on_unreadable
from compliance.use_cases.orders import on_notices, reinstate, resend_due
from compliance.use_cases.own_orders import on_own_orders
from compliance.use_cases.receipts import (
    CHECK_AGAIN,
    on_holdings_checked,
    on_holdings_unavailable,
    on_receipts,
    receipts_submitted,
)
from compliance.use_cases.requests import (
    carry_out_all,
    notices_requested,
    request_confirmed,
    request_refused,
    requested,
)
from compliance.use_cases.runs import check_completed, check_failed, check_started
from compliance.use_cases.service import GROUP, Service

__all__ = [
    "CHECK_AGAIN",
    "GROUP",
    "Service",
    "begin",
    "carry_out_all",
    "check_completed",
    "check_failed",
    "check_started",
    "close_incident",
    "close_unverifiable",
    "holder_left",
    "holder_registered",
    "notices_requested",
    "on_holdings_checked",
    "on_holdings_unavailable",
    "on_notices",
    "on_own_orders",
    "on_receipts",
    "on_unreadable",
    "receipts_submitted",
    "reinstate",
    "request_confirmed",
    "request_refused",
    "requested",
    "resend",
    "resend_due",
]
