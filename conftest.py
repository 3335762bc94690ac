"""Fixtures that every package's tests share."""

pytest_plugins = ["clawback_common.testing.plugin"]
