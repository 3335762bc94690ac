"""Feeds: what a provider's address answers, read into values. Nothing is stored here."""
