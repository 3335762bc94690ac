"""What alerting remembers: alerts, silences, what was told to whom, and how the channels do."""
