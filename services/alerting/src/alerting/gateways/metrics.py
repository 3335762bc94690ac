"""The Prometheus metrics of alerting."""

from clawback_common.telemetry import counter, gauge, histogram

EVENTS = counter("alerting_said_total", "Raised and resolved events that were folded into alerts.", ("kind",))
QUEUED = counter("alerting_queued_total", "Notifications queued.", ("channel", "what"))
OVER_BUDGET = counter("alerting_over_budget_total", "Notifications beyond the budget of their source.")
SENT = counter("alerting_sent_total", "Messages that a channel accepted.", ("channel",))
FAILED = counter("alerting_failed_total", "Attempts that a channel did not accept.", ("channel",))
REFUSED = counter("alerting_refused_total", "Alerts of a webhook that could not be decoded.")
DELIVERY_SECONDS = histogram(
    "alerting_told_after_seconds",
    "Time from the instant at which a message was due until the channel accepted it.",
    ("channel",),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 86400),
)
WAITING = gauge("alerting_waiting_messages", "Messages that the channel has not accepted yet.", ("channel",))
OLDEST = gauge("alerting_oldest_waiting_seconds", "Age of the oldest waiting message.", ("channel",))
CHANNEL_FAILING = gauge("alerting_channel_failing_state", "1 while a channel accepts nothing.", ("channel",))
FIRING = gauge("alerting_firing_items", "Firing alerts.", ("severity",))
LAST_RUN = gauge(
    "alerting_last_run_completed_seconds",
    "Unix time of the last completed compliance run that was reported; 0: none.",
)
