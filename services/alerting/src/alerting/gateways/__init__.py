"""Outgoing calls of alerting: notification channels, health checks of other services and the broker, metrics."""
