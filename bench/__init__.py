"""Benchmarks: the services, compared with hand-written code and tutorial code for the same job.

Pairs run alternately and the median of their ratios counts, because a machine's speed drifts by a third within
minutes. Every contestant is a process with its own database, created by the real migrations, and is measured from
outside by the same code.
"""
