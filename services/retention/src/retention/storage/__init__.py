"""What retention remembers: asyncpg, and the named queries beside each module."""
