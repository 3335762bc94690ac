"""Outgoing interfaces: requests, alerts, metrics, the ingester."""
