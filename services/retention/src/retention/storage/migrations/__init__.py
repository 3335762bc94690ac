"""Numbered SQL files; see `clawback_common.postgres.migrate`."""
