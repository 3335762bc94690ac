"""Sweeps: one retention pass over one class of data, asked of its owners and answered by each."""
