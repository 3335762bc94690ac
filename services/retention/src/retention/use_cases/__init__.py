"""The use cases of retention: policies become requests, owners answer them, and records under a legal hold are kept.

Each event is handled by one function in one transaction. All transactions lock rows in the same order, which prevents
deadlocks: the lock of the holds, holds, sweeps by id, answers.
"""

from retention.use_cases.answers import on_answers
from retention.use_cases.holds import HoldPlaced, hold_confirmed, hold_kept, hold_lifted, hold_placed
from retention.use_cases.service import GROUP, Service
from retention.use_cases.sweeps import resend_due, sweeps_requested

__all__ = [
    "GROUP",
    "HoldPlaced",
    "Service",
    "hold_confirmed",
    "hold_kept",
    "hold_lifted",
    "hold_placed",
    "on_answers",
    "resend_due",
    "sweeps_requested",
]
