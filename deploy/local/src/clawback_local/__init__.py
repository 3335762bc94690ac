"""The local stack without Docker: Kafka, PostgreSQL, the services, and a supervisor."""

from clawback_local.config import StackError
from clawback_local.stack import Stack

__all__ = ["Stack", "StackError"]
