"""Alerts of a service: raised once, repeated while the condition lasts, resolved when it ends.

A watcher finds the conditions that hold and returns them as `condition.Condition`; `publisher.AlertPublisher` publishes
them as alerts of the service. `alert_state` also stores when the service was first started and the last heartbeat of
each role.

A service that uses this package needs the tables ``watch``, ``beginning`` and ``heartbeat`` in its own migrations;
``incident`` and ``outbox_orders`` are in the common migrations. This module imports nothing, so that `condition` can
be used alone.
"""
