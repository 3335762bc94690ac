"""The migrations of the retention database, numbered; see `clawback_common.postgres.migrate`."""
