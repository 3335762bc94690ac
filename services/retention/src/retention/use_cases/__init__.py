"""The story of a sweep: a policy becomes a request, its owners answer, and what is held is spared.

One function an event, one transaction each. Rows are taken in one order everywhere: the lock of the holds, holds,
sweeps by id, answers; so no two of these functions can wait for one another in a circle.
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
