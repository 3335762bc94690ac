"""Holders: systems that can hold a copy of an article, and their registration."""
