"""LexisNexis Metabase."""
