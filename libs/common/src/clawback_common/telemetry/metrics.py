"""Metrics whose names, units and labels are checked at declaration.

Declare each one as a constant of its module; a duplicate name fails at import. `render` returns the text that
Prometheus scrapes.
"""

import re
from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The media type of the result of `render`."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Buckets from a local query to a call that timed out."""

REGISTRY = CollectorRegistry()
"""The exposed metrics of this process: ours, and those of the process, the platform and the garbage collector."""

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
_UNITS = ("seconds", "bytes", "ratio", "messages", "rows", "items", "connections", "info", "state")
_UNBOUNDED = ("id", "key", "url", "path", "address", "error", "message")

disable_created_metrics()  # type: ignore[no-untyped-call]
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)


def counter(name: str, meaning: str, labels: Sequence[str] = ()) -> Counter:
    """Create a counter, which only grows; its name ends in ``_total``.

    Raises:
        ValueError: the name, a label or the unit breaks the rules, or the name is taken.
    """
    _check(name, labels, ("total",))
    return Counter(name, meaning, labels, registry=REGISTRY)


def gauge(name: str, meaning: str, labels: Sequence[str] = ()) -> Gauge:
    """Create a gauge; its name ends in its unit.

    Raises:
        ValueError: as `counter`.
    """
    _check(name, labels, _UNITS)
    return Gauge(name, meaning, labels, registry=REGISTRY)


def histogram(
    name: str, meaning: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = SECONDS
) -> Histogram:
    """Create a histogram; its name ends in its unit, `buckets` are upper bounds in that unit.

    Raises:
        ValueError: as `counter`.
    """
    _check(name, labels, _UNITS)
    return Histogram(name, meaning, labels, buckets=buckets, registry=REGISTRY)


def render() -> bytes:
    """Return all metrics in the registry, in Prometheus' text format."""
    return generate_latest(REGISTRY)


def _check(name: str, labels: Sequence[str], units: Sequence[str]) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"the metric {name!r} is not in snake case with a unit at its end")
    if name.rpartition("_")[2] not in units:
        raise ValueError(f"the metric {name!r} does not end in its unit, one of: {', '.join(units)}")
    for label in labels:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", label):
            raise ValueError(f"the label {label!r} of {name!r} is not in snake case")
        if label.rpartition("_")[2] in _UNBOUNDED:
            raise ValueError(f"the label {label!r} of {name!r} has an unlimited number of values")
