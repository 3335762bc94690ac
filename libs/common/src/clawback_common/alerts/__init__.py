"""Conditions that are watched: said once, repeated while they last, taken back when they end.

Watchers find what holds now, and make a `condition.Condition` of it; `publisher.AlertPublisher` says it in the name of
its service. `watches` also notes since when a service watches, and when a process of it was last at work.

A service that uses it has the tables ``watch``, ``beginning`` and ``heartbeat`` among its own migrations; ``incident``
and ``outbox_orders`` are the plumbing's. Nothing is imported here, so that a condition, which is a plain value, can be
had alone.
"""
