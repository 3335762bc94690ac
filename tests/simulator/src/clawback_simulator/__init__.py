"""A simulator of the Metabase API v10 that generates articles and injects faults on request."""
