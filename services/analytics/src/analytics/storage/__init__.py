"""Facets, values and rollups in PostgreSQL."""
