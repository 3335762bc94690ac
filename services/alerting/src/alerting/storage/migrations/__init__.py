"""The database of alerting."""
