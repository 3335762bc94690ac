"""The use cases of analytics: each handles a batch in one transaction.

All changes of what articles are counted under work the same way: lock the facet rows, compare the facets before and
after, and change the counts by the difference. So counts are exact at every commit.
"""

from analytics.use_cases.counting import on_articles
from analytics.use_cases.holdings import holdings
from analytics.use_cases.incidents import close_incident, on_set_aside
from analytics.use_cases.orders import confirm, on_confirmed, on_orders, on_unreadable_orders
from analytics.use_cases.runs import on_runs
from analytics.use_cases.service import GROUP, Service

__all__ = [
    "GROUP",
    "Service",
    "close_incident",
    "confirm",
    "holdings",
    "on_articles",
    "on_confirmed",
    "on_orders",
    "on_runs",
    "on_set_aside",
    "on_unreadable_orders",
]
