"""A Metabase API v10 that generates its articles and misbehaves on request."""
