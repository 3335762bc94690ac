"""The owner's side of retention: deletes old records on request, and maintains tables.

A service declares the classes of data that it owns (`classes.DataClass`). The `sweeper.Sweeper` receives the requests,
processes one at a time, and answers each, however often it is delivered.
"""

from clawback_common.retention.aged import AgedTableClass
from clawback_common.retention.classes import AGE_MIN, DataClass, Progress, SweepCounts, require_action
from clawback_common.retention.holds import LegalHolds
from clawback_common.retention.sweeper import Sweeper

__all__ = [
    "AGE_MIN",
    "AgedTableClass",
    "DataClass",
    "LegalHolds",
    "Progress",
    "SweepCounts",
    "Sweeper",
    "require_action",
]
