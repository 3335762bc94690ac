"""The migrations of the analytics database, numbered."""
