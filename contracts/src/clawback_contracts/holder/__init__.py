"""Holders: any party that can hold a copy, and what it declares of itself."""
