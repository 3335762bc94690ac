"""Outgoing interfaces: events, metrics, and calls to the stores, the holders and the ingester."""
