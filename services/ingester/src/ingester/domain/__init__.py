"""Value types and decisions of the ingester: pure functions, no I/O and no clock."""
