"""Runs: the scheduled compliance check, also on a day with nothing to revoke."""
