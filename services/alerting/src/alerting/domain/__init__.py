"""The rules of alerting, without I/O: how events are folded into alerts, who is notified, when, and with which text."""
