"""Kafka: batch subscribers that lose no record, producers that wait for confirmation, topics as in the contract."""
