"""The use cases of the ingester: one function per event, each for a batch in one transaction.

Articles from every source go through ``store``; orders go through ``on_orders``. All other functions pass articles or
notices to these.
"""

from ingester.use_cases.holdings import holdings
from ingester.use_cases.incidents import close_incident
from ingester.use_cases.notices import on_feed_gap, on_revoked_entries, on_time, on_unreadable_entries
from ingester.use_cases.orders import confirm, on_confirmed, on_orders, on_unreadable_orders
from ingester.use_cases.service import GROUP, Service
from ingester.use_cases.storing import SUBMISSIONS, Step, Stored, forbidden_ids, on_submissions, store

__all__ = [
    "GROUP",
    "SUBMISSIONS",
    "Service",
    "Step",
    "Stored",
    "close_incident",
    "confirm",
    "forbidden_ids",
    "holdings",
    "on_confirmed",
    "on_feed_gap",
    "on_orders",
    "on_revoked_entries",
    "on_submissions",
    "on_time",
    "on_unreadable_entries",
    "on_unreadable_orders",
    "store",
]
