"""HTTP: paths, what they take, and what they answer."""
