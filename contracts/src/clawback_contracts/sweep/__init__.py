"""Sweeps: a retention run over one class of data, requested of its owners and answered by each."""
