"""LexisNexis Metabase: a feed of articles, which several clients may share in slices, and a feed of revocations."""

from ingester.gateways.providers.metabase.source import feeds

__all__ = ["feeds"]
