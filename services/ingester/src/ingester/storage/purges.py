"""What of the ingester's own tables ends by age alone; articles and calls are classes that retention sweeps."""

from datetime import timedelta

from clawback_common.retention.purging import WATCHES, YEAR, Aged

PURGES = (
    Aged("delivery", "received_at", timedelta(days=90), "processed_at IS NOT NULL"),
    Aged("submission", "received_at", timedelta(days=90)),
    Aged("submitted", "received_at", timedelta(days=30)),
    Aged("feed_poll", "started_at", YEAR, "ended_at IS NOT NULL"),
    Aged("feed_not_understood", "hour", timedelta(days=30)),
    Aged("notice", "answered_at", YEAR, "answered_at IS NOT NULL"),
    WATCHES,
)
"""Webhooks and submissions are known again for 90 days, whoever repeats them."""
