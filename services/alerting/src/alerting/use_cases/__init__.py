"""The use cases of alerting: fold events into alerts, queue notifications by the routes, send them, act on alerts.

Each event is handled by one function in one transaction. All transactions lock rows in the same order: alerts by
fingerprint, groups, messages by id. The transactions of the senders lock messages and channels only.
"""

from alerting.storage.retention import Alerts
from alerting.use_cases.beginning import begin
from alerting.use_cases.folding import (
    evaluate_firing,
    fold_from_http,
    on_alerts,
    on_set_aside,
    on_undecodable,
    on_undecodable_request,
)
from alerting.use_cases.operators import acknowledge, end_silence, resolve_by_hand, send_test_alert, silence
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
    "evaluate_firing",
    "fold_from_http",
    "measure",
    "on_alerts",
    "on_runs",
    "on_set_aside",
    "on_undecodable",
    "on_undecodable_request",
    "resolve_by_hand",
    "send_one",
    "send_test_alert",
    "silence",
    "watch_channels",
    "watch_runs",
]
