"""Kafka: batch subscribers that lose nothing, producers that confirm, topics as the contract has them."""
