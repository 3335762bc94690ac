"""The HTTP API: paths, request bodies and responses."""
