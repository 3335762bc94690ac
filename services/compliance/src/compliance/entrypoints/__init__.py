"""Entry points: subscriptions, HTTP, commands and the worker's loops."""
