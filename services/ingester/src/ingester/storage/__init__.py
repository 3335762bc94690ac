"""What the ingester remembers: identity, content, feeds, notices, calls."""
