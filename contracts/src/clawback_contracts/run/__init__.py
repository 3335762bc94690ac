"""Runs: the scheduled compliance check, which runs even when there is nothing to revoke."""
