"""The use cases of alerting: fold events into alerts, queue notifications by the routes, send them, act on alerts.

Each event is handled by one function in one transaction. All transactions lock rows in the same order: alerts by
fingerprint, groups, messages by id. The transactions of the senders lock messages and channels only.
"""
