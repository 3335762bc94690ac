"""What leaves the ingester: messages and metrics."""
