"""Log output of our code and of libraries."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from clawback_common.errors import Transient
from clawback_common.telemetry.logs import configure_logging
from clawback_common.telemetry.redact import TEXT_MAX, is_sensitive, safe
from clawback_common.telemetry.tracing import span, trace_id

from .conftest import Logged

SECRET = "the text of somebody else"


def _log() -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("ours")
    return logger


def test_a_line_has_its_service_its_trace_and_the_bound_values(logged: Logged) -> None:
    with span("work"), bound_contextvars(request_id="r-1"):
        current = trace_id()
        _log().info("done", count=3)
    (line,) = logged()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "done",
        "count": 3,
        "level": "info",
        "logger": "ours",
        "service": "test",
        "request_id": "r-1",
        "trace_id": current,
    }


@pytest.mark.parametrize(
    "name", ["title", "article_title", "body", "authors", "api_key", "Authorization", "X-API-Key", "raw"]
)
def test_a_field_named_as_content_or_secret_is_masked(name: str, logged: Logged) -> None:
    _log().info("x", **{name: SECRET, "nested": [{name: SECRET}]})
    assert SECRET not in str(logged())


@pytest.mark.parametrize("name", ["content_type", "body_bytes", "keys_count", "title_words", "event"])
def test_a_field_about_content_is_shown(name: str) -> None:
    assert not is_sensitive(name)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("GET https://x.org/a?key=hidden&limit=5", "GET https://x.org/a?key=[masked]&limit=5"),
        ("/a?limit=5&api_key=hidden", "/a?limit=5&api_key=[masked]"),
        ("postgresql://me:hidden@db/x", "postgresql://me:[masked]@db/x"),
        ("sent Authorization: Bearer abcdefgh1234", "sent Authorization: Bearer [masked]"),
    ],
)
def test_secrets_inside_a_text_are_masked(text: str, masked: str) -> None:
    assert safe(text) == masked


def test_a_long_text_is_cut() -> None:
    output = safe("x" * (TEXT_MAX + 1))
    assert isinstance(output, str)
    assert output == "x" * TEXT_MAX + f"… ({TEXT_MAX + 1} characters)"


@dataclass
class Holder:
    """An object with content."""

    text: str = SECRET


class Colour(Enum):
    """Colours of a signal."""

    RED = "red"


def test_an_unreviewed_object_is_logged_by_its_type_only() -> None:
    instant = datetime(2026, 3, 1, tzinfo=UTC)
    values = safe({"o": Holder(), "b": SECRET.encode(), "t": instant, "c": Colour.RED, "e": KeyError(SECRET)})
    assert values == {
        "o": "<Holder>",
        "b": "<25 bytes>",
        "t": "2026-03-01 00:00:00+00:00",
        "c": "red",
        "e": "KeyError",
    }


def test_a_value_nested_without_end_is_cut() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert safe(endless) == [[[["<list>"]]]]


def test_an_error_is_logged_by_type_location_and_cause_without_its_message(logged: Logged) -> None:
    try:
        try:
            int(SECRET)
        except ValueError as error:
            raise Transient("the peer is away") from error
    except Transient:
        _log().exception("failed")
    (line,) = logged()
    assert line["error"] == "Transient: the peer is away"
    assert line["error_causes"] == ["ValueError"]
    assert line["error_at"][-1].endswith(
        "test_an_error_is_logged_by_type_location_and_cause_without_its_message"
    )
    assert SECRET not in str(line)


def test_a_library_that_logs_an_error_as_argument_does_not_log_its_message(logged: Logged) -> None:
    library = logging.getLogger("aiokafka.consumer")
    library.error("fetch from %s failed: %r", 3, ValueError(SECRET))
    library.error(ValueError(SECRET))
    library.error("a record %s", SECRET.encode())
    events = [line["event"] for line in logged()]
    assert events == ["fetch from 3 failed: 'ValueError'", "ValueError", "a record <25 bytes>"]


def test_a_library_that_logs_an_address_does_not_log_its_key(logged: Logged) -> None:
    logging.getLogger("httpx").info(
        "HTTP Request: GET %s", f"https://x.org/?key={SECRET.split(maxsplit=1)[0]}abc"
    )
    assert logged()[0]["event"] == "HTTP Request: GET https://x.org/?key=[masked]"


def test_libraries_are_logged_from_warning_on(logged: Logged) -> None:
    assert logged() == []
    configure_logging("test", "info", "json")
    logging.getLogger("aiokafka").info("heartbeat")
    logging.getLogger("aiokafka").warning("broker gone")
    assert [line["event"] for line in logged()] == ["broker gone"]


def test_on_a_terminal_lines_are_for_people(logged: Logged, capsys: pytest.CaptureFixture[str]) -> None:
    assert logged() == []
    configure_logging("test", "info", "text")
    _log().info("started", port=8001, title=SECRET)
    output = capsys.readouterr().err
    assert "started" in output
    assert "port=8001" in output
    assert SECRET not in output
