"""Holders: systems that can hold a copy of an article, their registration, and what they decide and answer."""
