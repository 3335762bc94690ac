"""The use cases of analytics: each handles a batch in one transaction.

All changes of what articles are counted under work the same way: lock the facet rows, compare the facets before and
after, and change the counts by the difference. So counts are exact at every commit.
"""
