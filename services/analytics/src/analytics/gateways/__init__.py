"""What leaves: events, metrics, the cache."""
