"""What alerting counts, typed by name."""

from clawback_common.telemetry import counter, gauge, histogram

SAID = counter("alerting_said_total", "Sayings that were folded into alerts.", ("kind",))
QUEUED = counter("alerting_queued_total", "Notifications queued.", ("channel", "what"))
OVER_BUDGET = counter("alerting_over_budget_total", "Notifications that a source had no room for.")
SENT = counter("alerting_sent_total", "Messages that a channel took.", ("channel",))
FAILED = counter("alerting_failed_total", "Attempts that a channel did not take.", ("channel",))
REFUSED = counter("alerting_refused_total", "Alerts of a webhook that could not be read.")
TOLD_AFTER = histogram(
    "alerting_told_after_seconds",
    "From the instant at which a message was due to the channel's word.",
    ("channel",),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 86400),
)
WAITING = gauge("alerting_waiting_messages", "Messages that no channel has taken yet.", ("channel",))
OLDEST = gauge("alerting_oldest_waiting_seconds", "How long the oldest of them waits.", ("channel",))
CHANNEL_FAILING = gauge("alerting_channel_failing_state", "1 when a channel takes nothing.", ("channel",))
FIRING = gauge("alerting_firing_items", "Alerts that hold.", ("severity",))
LAST_RUN = gauge(
    "alerting_last_run_completed_seconds", "Unix time of the last compliance run that we heard of; 0: none."
)
