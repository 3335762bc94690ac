"""The Prometheus metrics of retention."""

from clawback_common.telemetry import counter, gauge

REQUESTED = counter("retention_sweeps_total", "Requested sweeps.", ("data_class", "action"))
RESENT = counter("retention_sweeps_sent_again_total", "Requests that were sent again.")
CLOSED = counter(
    "retention_sweeps_closed_total",
    "Sweeps that every owner has answered, by outcome.",
    ("data_class", "state"),
)
ANSWERS = counter("retention_answers_total", "Answers that were new.", ("owner", "outcome"))
UNMATCHED = counter("retention_stray_answers_total", "Answers that match no request.")
OPEN = gauge("retention_open_items", "Sweeps that wait for an answer.")
HOLDS = gauge("retention_held_items", "Legal holds in force.", ("data_class",))
LAST_DONE = gauge(
    "retention_last_swept_seconds",
    "Unix time at which a class was last completely swept; 0: never.",
    ("data_class",),
)
