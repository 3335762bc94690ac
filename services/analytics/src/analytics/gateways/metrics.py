"""The metrics of analytics."""

from clawback_common.telemetry import counter, gauge

ARRIVED = counter("analytics_articles_total", "Articles that arrived, by what became of them.", ("outcome",))
ORDERED = counter("analytics_orders_total", "Orders that arrived, repeats included.", ("kind",))
CACHE = counter("analytics_cache_total", "Answers, by whether they were kept.", ("outcome",))
BEGUN_AGAIN = counter(
    "analytics_batches_begun_again_total", "Batches whose words went while they were counted."
)
HELD = gauge("analytics_facets_items", "Facet rows by state.", ("state",))
