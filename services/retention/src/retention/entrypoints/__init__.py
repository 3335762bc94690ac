"""The entry points of retention: consumers, HTTP API, commands, and the loops of the worker."""
