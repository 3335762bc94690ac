"""Outgoing interfaces: events, metrics, and calls to providers."""
