"""Fixtures that every package's tests share."""

pytest_plugins = ["clawback_testing.plugin"]
