"""Ingests licensed articles and publishes them."""
