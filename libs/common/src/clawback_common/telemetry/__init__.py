"""Logs, metrics and traces of a process, none of which contain content."""

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
