"""The Prometheus metrics of analytics."""

from clawback_common.telemetry import counter, gauge

ARRIVED = counter("analytics_articles_total", "Received articles, by result.", ("outcome",))
ORDERED = counter("analytics_orders_total", "Received orders, repeats included.", ("kind",))
CACHE = counter("analytics_cache_total", "Answered queries, by whether the answer was cached.", ("outcome",))
RETRIED = counter(
    "analytics_batches_begun_again_total",
    "Batches counted again because a value was deleted meanwhile.",
)
HELD = gauge("analytics_facets_items", "Facet rows by state.", ("state",))
