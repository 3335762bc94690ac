"""Spans and log lines of a test, as values."""

import logging
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import orjson
import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from clawback_common.telemetry.logs import configure_logging
from clawback_common.telemetry.tracing import configure_tracing

_exporter = InMemorySpanExporter()
configure_tracing("test", processors=[SimpleSpanProcessor(_exporter)])


def _silence() -> None:
    """Structlog's default prints errors with every local variable, which takes seconds."""
    structlog.configure(processors=[_drop], logger_factory=structlog.stdlib.LoggerFactory())


def _drop(_logger: object, _method: str, _event: object) -> NoReturn:
    raise structlog.DropEvent


_silence()

Spans = Callable[[], tuple[ReadableSpan, ...]]
Logged = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def spans() -> Iterator[Spans]:
    """Return the spans that the test has ended so far."""
    _exporter.clear()
    yield _exporter.get_finished_spans
    _exporter.clear()


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[Logged]:
    """Return the lines logged since the last call, as JSON."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging("test", "debug", "json")
    yield lambda: [orjson.loads(line) for line in capsys.readouterr().err.splitlines()]
    root.handlers, root.level = handlers, level
    logging.captureWarnings(capture=False)
    _silence()
