"""Nouns and decisions: plain values and functions, no I/O and no clock."""
