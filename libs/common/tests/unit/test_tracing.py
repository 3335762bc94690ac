"""Traces through messages and batches."""

import subprocess
import sys

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from clawback_common.telemetry import tracing
from clawback_common.telemetry.tracing import (
    LINKS_MAX,
    process_span,
    send_span,
    span,
    trace_id,
    traceparent,
)

from .conftest import Spans

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def test_outside_a_span_there_is_no_context() -> None:
    assert traceparent() is None
    assert trace_id() is None


def test_the_context_of_a_span_is_its_header() -> None:
    with span("work") as current:
        context = current.get_span_context()
        header = traceparent()
    assert header is not None
    version, trace_hex, parent, flags = header.split("-")
    assert (version, int(trace_hex, 16), int(parent, 16)) == ("00", context.trace_id, context.span_id)
    assert int(flags, 16) & 1 == 1


def test_a_span_continues_the_incoming_trace(spans: Spans) -> None:
    with span("work", kind=SpanKind.SERVER, parent=PARENT):
        assert trace_id() == TRACE
    (work,) = spans()
    assert work.parent is not None
    assert work.parent.span_id == 0xB7AD6B7169203331
    assert work.kind is SpanKind.SERVER


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-b7ad6b7169203331-01",
        f"{PARENT}-more",
        PARENT.upper(),
    ],
)
def test_an_unreadable_header_starts_a_new_trace(header: str, spans: Spans) -> None:
    with span("work", parent=header):
        assert trace_id() not in {None, TRACE}
    assert spans()[0].parent is None


def test_a_header_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    with span("work", parent=f"01-{TRACE}-b7ad6b7169203331-01-more"):
        assert trace_id() == TRACE


def test_a_batch_of_one_trace_context_is_its_child(spans: Spans) -> None:
    with process_span("things.v1", "reader", [PARENT, PARENT, None]):
        pass
    (batch,) = spans()
    assert batch.context.trace_id == int(TRACE, 16)
    assert batch.links == ()


def test_a_batch_of_several_contexts_links_to_each_once(spans: Spans) -> None:
    other = f"00-{'1' * 32}-b7ad6b7169203331-01"
    with process_span("things.v1", "reader", [PARENT, other, PARENT, "nonsense", None]):
        pass
    (batch,) = spans()
    assert batch.parent is None
    assert [link.context.trace_id for link in batch.links] == [int(TRACE, 16), int("1" * 32, 16)]


def test_a_large_batch_has_a_limited_number_of_links() -> None:
    headers = [f"00-{number:032x}-b7ad6b7169203331-01" for number in range(1, 500)]
    with process_span("things.v1", "reader", headers) as current:
        assert len(getattr(current, "links", ())) == LINKS_MAX


def test_a_batch_without_a_collector_creates_no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = tracing._provider("quiet", None)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    with process_span("things.v1", "reader", [PARENT, f"00-{'1' * 32}-b7ad6b7169203331-01"]) as current:
        assert getattr(current, "links", None) == ()
    with process_span("things.v1", "reader", [PARENT]):
        assert trace_id() == TRACE


def test_messaging_spans_follow_the_convention(spans: Spans) -> None:
    with send_span("things.v1", [None]):
        pass
    with process_span("things.v1", "reader", [None, None]):
        pass
    send, process = spans()
    assert (send.name, send.kind) == ("send things.v1", SpanKind.PRODUCER)
    assert (process.name, process.kind) == ("process things.v1", SpanKind.CONSUMER)
    assert dict(process.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "things.v1",
        "messaging.batch.message_count": 2,
        "messaging.consumer.group.name": "reader",
    }


def test_an_error_is_recorded_without_its_message(spans: Spans) -> None:
    with pytest.raises(ValueError, match="secret"), span("work"):
        raise ValueError("secret")
    (work,) = spans()
    assert work.status.status_code is StatusCode.ERROR
    assert work.status.description == "ValueError"
    assert [dict(event.attributes or {}) for event in work.events] == [
        {"exception.type": "ValueError", "exception.message": "ValueError"}
    ]


EXPORT = """
import http.server, threading
from clawback_common.telemetry.tracing import configure_tracing, shutdown_tracing, span

seen = []
class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        seen.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): ...

server = http.server.HTTPServer(("127.0.0.1", 0), Collector)
threading.Thread(target=server.serve_forever, daemon=True).start()
provider = configure_tracing("exporting", f"http://127.0.0.1:{server.server_port}/")
assert configure_tracing("again", None) is provider
with span("the work"):
    pass
shutdown_tracing()
((path, body),) = seen
assert path == "/v1/traces", path
"""


def test_with_an_endpoint_spans_are_exported_before_the_process_ends() -> None:
    subprocess.run([sys.executable, "-c", EXPORT], check=True, timeout=60)  # noqa: S603 - our own words
