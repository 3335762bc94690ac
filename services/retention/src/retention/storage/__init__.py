"""The database of retention: asyncpg, and the named queries beside each module."""
