"""Where things come in: topics, HTTP, the routes file, jobs, and the loops of the live worker."""
