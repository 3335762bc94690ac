"""What goes out and comes in: outboxes, inbox, quarantine, dead letters, incidents."""
