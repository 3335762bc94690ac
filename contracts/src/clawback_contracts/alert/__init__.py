"""Alerts: something that a person should know."""
