"""Test utilities for every service: clocks, databases, topics. Never imported by a service."""
