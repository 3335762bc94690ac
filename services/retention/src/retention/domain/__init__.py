"""The rules of retention, without I/O: policies, legal holds, sweeps."""
