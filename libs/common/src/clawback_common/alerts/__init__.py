"""Alerts of a service: raised once, repeated while the condition lasts, resolved when it ends.

A watcher finds the conditions that hold and returns them as `condition.Condition`; `publisher.AlertPublisher` publishes
them as alerts of the service. `alert_state` also stores when the service was first started and the last heartbeat of
each role.

This module imports nothing, so that `condition` can be used alone.
"""
