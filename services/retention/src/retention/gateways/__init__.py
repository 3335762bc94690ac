"""What leaves retention: requests, alerts, metrics."""
