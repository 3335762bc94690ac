"""What comes in: events, requests, jobs."""
