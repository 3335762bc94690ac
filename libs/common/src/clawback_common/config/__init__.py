"""Settings, and what makes them safe beyond development."""
