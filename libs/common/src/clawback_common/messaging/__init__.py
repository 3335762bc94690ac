"""Outgoing and incoming messages: outboxes, inbox, quarantine, dead letters, incidents."""
