"""The story of an alert: it is said, folded into one row, told to those whom the routes name, and sent until taken.

One function an event, one transaction each. Rows are taken in one order everywhere: alerts by fingerprint, groups,
messages by id; the sender's own transactions touch messages and channels alone.
"""

from alerting.storage.retention import Alerts
from alerting.use_cases.beginning import begin
from alerting.use_cases.folding import (
    on_alerts,
    on_set_aside,
    on_time,
    on_unreadable,
    on_unreadable_door,
    said_by_door,
)
from alerting.use_cases.operators import acknowledge, end_silence, resolve_by_hand, silence, test_everybody
from alerting.use_cases.runs import on_runs, watch_runs
from alerting.use_cases.sending import send_one, watch_channels
from alerting.use_cases.service import GROUP, Service
from alerting.use_cases.watching import measure

__all__ = [
    "GROUP",
    "Alerts",
    "Service",
    "acknowledge",
    "begin",
    "end_silence",
    "measure",
    "on_alerts",
    "on_runs",
    "on_set_aside",
    "on_time",
    "on_unreadable",
    "on_unreadable_door",
    "resolve_by_hand",
    "said_by_door",
    "send_one",
    "silence",
    "test_everybody",
    "watch_channels",
    "watch_runs",
]
