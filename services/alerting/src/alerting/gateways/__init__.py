"""What leaves alerting: notifications by channels, questions to neighbours, numbers."""
