"""What a process tells of itself: logs, metrics and traces, none of which carry content."""

from clawback_common.telemetry.describe import describe
from clawback_common.telemetry.logs import configure_logging
from clawback_common.telemetry.metrics import counter, gauge, histogram, render
from clawback_common.telemetry.tracing import configure_tracing, span, traceparent

__all__ = [
    "configure_logging",
    "configure_tracing",
    "counter",
    "describe",
    "gauge",
    "histogram",
    "render",
    "span",
    "traceparent",
]
