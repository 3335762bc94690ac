"""What tests of any service share: clocks, databases, topics. Never imported by a service."""
