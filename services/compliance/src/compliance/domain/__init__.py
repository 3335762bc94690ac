"""Value types and decisions of compliance: pure functions, no I/O."""
