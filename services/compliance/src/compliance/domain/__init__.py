"""Nouns and decisions of compliance: plain values in, plain values out."""
