"""The entry points of analytics: consumers, HTTP API, commands, and the loops of the worker."""
