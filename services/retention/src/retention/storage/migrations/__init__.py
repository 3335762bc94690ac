"""Numbered SQL files; see `clawback_common.db.migrate`."""
