"""The analytics service: counts articles by topic, source and day, and stops counting revoked ones."""
