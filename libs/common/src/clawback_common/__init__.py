"""Technical code shared by all services: Kafka, PostgreSQL, HTTP, telemetry, retention."""
