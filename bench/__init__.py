"""Benchmarks: what the services manage, beside the same job written by hand and as tutorials write it.

Pairs run in turn and the median of their ratios counts, for a machine drifts by a third within minutes. Every
contestant is a process of its own, on a database of its own made by the real migrations, and is watched from
outside by the same eyes.
"""
