"""Brings licensed articles in and publishes them."""
