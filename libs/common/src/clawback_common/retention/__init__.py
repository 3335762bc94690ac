"""What an owner of data does when it is asked to let go of what is old, or to keep its tables in good shape.

A service says which classes of data it owns (`classes.DataClass`); the `sweeper.Sweeper` takes the requests, works
them off one at a time, and answers each, however often it comes.
"""

from clawback_common.retention.aged import AgedTableClass
from clawback_common.retention.classes import AGE_MIN, DataClass, Progress, SweepCounts, require_action
from clawback_common.retention.holds import Held
from clawback_common.retention.sweeper import Sweeper

__all__ = [
    "AGE_MIN",
    "AgedTableClass",
    "DataClass",
    "Held",
    "Progress",
    "SweepCounts",
    "Sweeper",
    "require_action",
]
