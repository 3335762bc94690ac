"""Alerts: conditions that a person must be notified of."""
