"""Nouns and decisions of retention: plain values in, plain values out."""
