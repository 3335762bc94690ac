"""The database of alerting: alerts, silences, messages and notifications, state of the channels, consents."""
