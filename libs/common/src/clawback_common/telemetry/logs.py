"""Structured logs of our code and of every library, one line per event, on stderr.

JSON by default, aligned text on a terminal. Each line contains the service, the trace and the values bound to the
context (`request_id`). Errors are logged by type and location, without their message: see `describe`. Other sensitive
values are masked: see `redact`.
"""

import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from typing import Any, Literal, TextIO, TypeAlias

import orjson
import structlog
from structlog.stdlib import ProcessorFormatter
from typing_extensions import override

from clawback_common.telemetry.describe import describe
from clawback_common.telemetry.redact import redact, safe
from clawback_common.telemetry.tracing import trace_id

LogFormat = Literal["json", "text"]

_MISLEADING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters, line separators and direction marks: shown raw, they make a line look different from its text."""
_FRAMES_MAX = 12
_CAUSES_MAX = 4
QUIET = ("aiokafka", "asyncio", "faststream", "httpcore", "httpx", "kafka", "urllib3", "uvicorn")
"""Libraries that log every request and heartbeat at info, and the bytes of what they carry, content, at debug."""

_Event: TypeAlias = MutableMapping[str, Any]


def configure_logging(service: str, level: str = "info", log_format: LogFormat | None = None) -> None:
    """Send all logging of this process to stderr, in one format; may be called again.

    Args:
        service: added to every line.
        level: debug, info, warning or error; libraries log from warning, at debug from info.
        log_format: None is text on a terminal and JSON elsewhere.
    """
    pretty = log_format == "text" or (log_format is None and sys.stderr.isatty())
    before = _processors(service)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *before, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _Stderr()
    handler.addFilter(_arguments_are_safe)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[ProcessorFormatter.remove_processors_meta, redact, _console() if pretty else _json],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.INFO if level == "debug" else logging.WARNING)
    logging.captureWarnings(capture=True)


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to the current stderr, which tests and terminals may replace."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _processors(service: str) -> list[Any]:
    """Return the processors of each event before it is rendered, whoever logged it."""

    def add_service(_logger: object, _method: str, event: _Event) -> _Event:
        event["service"] = service
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
        _add_trace,
        _describe_errors,
    ]


def _add_trace(_logger: object, _method: str, event: _Event) -> _Event:
    current = trace_id()
    if current is not None:
        event["trace_id"] = current
    return event


def _describe_errors(_logger: object, _method: str, event: _Event) -> _Event:
    """Replace a traceback by the error's description and its locations."""
    given = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if isinstance(given, tuple):
        given = given[1]
    error = given if isinstance(given, BaseException) or not given else sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["error"] = describe(error)
        event["error_at"] = places(error)
        causes = [describe(cause) for cause in _causes(error)]
        if causes:
            event["error_causes"] = causes
    return event


def places(error: BaseException) -> list[str]:
    """Return the locations of the traceback, innermost last: ``file.py:12 function``, at most twelve."""
    frames = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        name = "/".join(code.co_filename.rsplit("/", 2)[-2:])
        frames.append(f"{name}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return frames[-_FRAMES_MAX:]


def _causes(error: BaseException) -> Iterator[BaseException]:
    for _ in range(_CAUSES_MAX):
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is None:
            return
        yield cause
        error = cause


def _arguments_are_safe(record: logging.LogRecord) -> bool:
    """Make a library's arguments safe before they become part of its message."""
    if isinstance(record.msg, BaseException):
        record.msg = describe(record.msg).replace("%", "%%") if record.args else describe(record.msg)
    if isinstance(record.args, tuple):
        record.args = tuple(_argument(value) for value in record.args)
    return True


def _argument(value: object) -> object:
    """Return the value, unless its text may contain a message: errors, bytes and records of a topic."""
    if isinstance(value, BaseException | bytes | bytearray) or type(value).__name__ == "ConsumerRecord":
        return safe(value)
    return value


def _json(_logger: object, _method: str, event: _Event) -> str:
    line = orjson.dumps(event, option=orjson.OPT_NON_STR_KEYS).decode()
    return _MISLEADING.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def _console() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
