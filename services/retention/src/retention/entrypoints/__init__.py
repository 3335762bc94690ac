"""Where things come in: topics, HTTP, jobs, and the loops of the live worker."""
