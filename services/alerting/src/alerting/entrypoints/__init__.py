"""The entry points of alerting: consumers, HTTP API, commands, and the periodic loops of the worker."""
