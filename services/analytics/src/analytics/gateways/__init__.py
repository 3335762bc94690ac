"""Outgoing interfaces: events, metrics, cache."""
