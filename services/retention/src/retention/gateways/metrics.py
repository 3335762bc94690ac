"""What retention counts, typed by name."""

from clawback_common.telemetry import counter, gauge

REQUESTED = counter("retention_sweeps_total", "Sweeps that were asked for.", ("data_class", "action"))
SENT_AGAIN = counter("retention_sweeps_sent_again_total", "Requests sent once more.")
CLOSED = counter(
    "retention_sweeps_closed_total",
    "Sweeps that every owner has answered, by how they ended.",
    ("data_class", "state"),
)
ANSWERS = counter("retention_answers_total", "Answers that were news.", ("owner", "outcome"))
STRAY = counter("retention_stray_answers_total", "Answers to what nobody was asked.")
OPEN = gauge("retention_open_items", "Sweeps that wait for an answer.")
HOLDS = gauge("retention_held_items", "Legal holds in force.", ("data_class",))
LAST_DONE = gauge(
    "retention_last_swept_seconds",
    "Unix time at which a class was last swept to the end; 0: never.",
    ("data_class",),
)
