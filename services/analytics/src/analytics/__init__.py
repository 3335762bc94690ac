"""Counts what the licensed articles are about, and forgets what was revoked."""
