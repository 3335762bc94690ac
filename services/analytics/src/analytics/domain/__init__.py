"""The rules of analytics, without I/O: the facets of an article, and how counts change."""
