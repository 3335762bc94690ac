"""The local stack without Docker: Kafka, PostgreSQL, the services, and a supervisor."""
