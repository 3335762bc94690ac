"""Tables of the ingester that are purged by age alone; articles and calls are data classes that retention sweeps."""

from datetime import timedelta

from clawback_common.retention.purging import YEAR, Aged

PURGES = (
    Aged("delivery", "received_at", timedelta(days=90), "processed_at IS NOT NULL"),
    Aged("submission", "received_at", timedelta(days=90)),
    Aged("submitted", "received_at", timedelta(days=30)),
    Aged("feed_poll", "started_at", YEAR, "ended_at IS NOT NULL"),
    Aged("feed_not_understood", "hour", timedelta(days=30)),
    Aged("notice", "answered_at", YEAR, "answered_at IS NOT NULL"),
)
"""Repeated webhooks and submissions are recognized for 90 days."""
