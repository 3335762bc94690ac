"""The metrics of the ingester."""

from clawback_common.telemetry import counter, gauge

DELIVERED = counter(
    "ingester_deliveries_total",
    "Articles received, by source and outcome.",
    ("source", "outcome"),
)
NOTICED = counter("ingester_notices_total", "New notices, by feed.", ("feed",))
ORDERED = counter("ingester_orders_total", "Orders received, including repeats.", ("kind",))
POLLED = counter("ingester_feed_pages_total", "Pages of a feed, by outcome.", ("feed", "outcome"))
NOT_UNDERSTOOD = counter(
    "ingester_feed_not_understood_total",
    "Articles of a feed in which a field could not be read completely; field * counts each article once.",
    ("feed", "field"),
)
FEED_FAILING = gauge("ingester_feed_failing_state", "1 while a feed fails or is stopped.", ("feed",))
FEED_AGE = gauge(
    "ingester_feed_complete_age_seconds", "Time since the feed was last read to its end.", ("feed",)
)
FEED_BEHIND = gauge("ingester_feed_behind_state", "1 while consecutive pages are full.", ("feed",))
NOTICES_OPEN = gauge("ingester_notices_open_items", "Notices whose order has not arrived yet.")
ARTICLES = gauge("ingester_articles_items", "Articles by state.", ("state",))
UNSEARCHABLE = counter(
    "ingester_unsearchable_articles_total", "Articles of which PostgreSQL makes no search vector."
)
SEARCH_LAG = gauge(
    "ingester_search_lag_seconds", "Time since the oldest article that is not searchable yet was stored."
)
