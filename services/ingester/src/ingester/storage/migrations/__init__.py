"""The ingester's tables."""
