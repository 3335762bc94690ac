"""Traces from the first request to the last response, also through messages and batches.

The SDK is always on, so that ids are valid and a trace continues through this process even when nobody collects it
here. Spans are exported only when an endpoint is set. The framework's own instrumentation is not used: it names spans
topic first, and makes a batch the child of one of its records.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue
from typing_extensions import override

from clawback_common.telemetry.describe import describe

LINKS_MAX = 64
"""A batch of hundreds of records links to the first ones only; a trace view shows no more."""
ALONE_MAX = 2
"""Number of contexts that shows whether a batch has only one."""

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_PLAIN = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""The form of nearly all headers, which then need no parsing."""
_TRACER = trace.get_tracer("clawback")


def configure_tracing(
    service: str, endpoint: str | None = None, *, processors: Sequence[SpanProcessor] = ()
) -> TracerProvider:
    """Create this process's tracer provider; a second call keeps the first one.

    Args:
        service: the name under which the spans are shown.
        endpoint: the base address of an OTLP collector over HTTP; None: no export.
        processors: further receivers of finished spans.
    """
    current = trace.get_tracer_provider()
    provider = current if isinstance(current, TracerProvider) else _provider(service, endpoint)
    for processor in processors:
        provider.add_span_processor(processor)
    if provider is not current:
        trace.set_tracer_provider(provider)
    return provider


def shutdown_tracing() -> None:
    """Export the pending spans; call it last."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


def traceparent() -> str | None:
    """Return the W3C header of the current span, for an outgoing message or request; None outside a span."""
    return _header(trace.get_current_span().get_span_context())


def valid_traceparent(header: str | None) -> str | None:
    """Return an incoming W3C header as we would write it; None when it is missing or malformed."""
    if header is None or _PLAIN.fullmatch(header):
        return header
    context = _parse(header)
    return _header(context) if context else None


def trace_id() -> str | None:
    """Return the current trace id, 32 hex digits; None outside a span."""
    context = trace.get_current_span().get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else None


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: str | None = None,
    links: Iterable[str | None] = (),
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Iterator[Span]:
    """Create a span around the block, current within it; an error that leaves it is recorded by `describe`.

    Args:
        name: with few variants: no ids.
        kind: the span kind of OpenTelemetry.
        parent: an incoming traceparent; without one the current span is the parent.
        links: traceparents of other causes; unreadable and repeated ones are left out.
        attributes: never content.
    """
    with _span(name, kind, _parse(parent), _distinct(links), attributes) as current:
        yield current


@contextmanager
def _span(
    name: str,
    kind: SpanKind,
    parent: SpanContext | None,
    links: Sequence[SpanContext],
    attributes: Mapping[str, AttributeValue] | None,
) -> Iterator[Span]:
    with _TRACER.start_as_current_span(
        name,
        context=set_span_in_context(NonRecordingSpan(parent)) if parent else None,
        kind=kind,
        attributes=attributes,
        links=[Link(link) for link in links],
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except Exception as error:
            note_error(current, error)
            raise


@contextmanager
def batch_span(
    name: str,
    traceparents: Iterable[str | None],
    *,
    kind: SpanKind = SpanKind.CONSUMER,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Iterator[Span]:
    """Create a span for a batch: the child of its records' single trace context, else linked to each of theirs."""
    provider = trace.get_tracer_provider()
    nobody_looks = isinstance(provider, _Provider) and not provider.collected
    causes = _distinct(traceparents, ALONE_MAX if nobody_looks else LINKS_MAX)
    parent = causes[0] if len(causes) == 1 else None
    links = [] if parent or nobody_looks else causes
    with _span(name, kind, parent, links, attributes) as current:
        yield current


def process_span(topic: str, group: str, traceparents: Sequence[str | None]) -> AbstractContextManager[Span]:
    """Create the span of handling a batch from a topic, with one traceparent (or None) per record."""
    attributes = _messaging("process", topic, len(traceparents)) | {"messaging.consumer.group.name": group}
    return batch_span(f"process {topic}", traceparents, kind=SpanKind.CONSUMER, attributes=attributes)


def send_span(topic: str, traceparents: Sequence[str | None]) -> AbstractContextManager[Span]:
    """Create the span of sending a batch to a topic, with one traceparent (or None) per record."""
    attributes = _messaging("send", topic, len(traceparents))
    return batch_span(f"send {topic}", traceparents, kind=SpanKind.PRODUCER, attributes=attributes)


def note_error(current: Span, error: BaseException) -> None:
    """Mark the span as failed by this error, as described by `describe`."""
    words = describe(error)
    current.add_event("exception", {"exception.type": type(error).__qualname__, "exception.message": words})
    current.set_status(StatusCode.ERROR, words)


class _Provider(TracerProvider):
    """Knows whether anything receives its spans: most processes run without a collector."""

    collected = False

    @override
    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        self.collected = True
        super().add_span_processor(span_processor)


def _provider(service: str, endpoint: str | None) -> TracerProvider:
    provider = _Provider(resource=Resource.create({"service.name": service}))
    if endpoint:
        # A process without a collector saves half a second and ten megabytes.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _messaging(operation: str, topic: str, records: int) -> dict[str, AttributeValue]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
        "messaging.batch.message_count": records,
    }


def _header(context: SpanContext) -> str | None:
    if not context.is_valid:
        return None
    flags = int(context.trace_flags)
    return f"00-{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}-{flags:02x}"


def _parse(header: str | None) -> SpanContext | None:
    """Return the context of a traceparent; None when it is missing, malformed or all zeros."""
    match = _TRACEPARENT.fullmatch(header) if header else None
    if match is None or match[1] == "ff" or (match[1] == "00" and match[5]):
        return None
    context = SpanContext(
        int(match[2], 16), int(match[3], 16), is_remote=True, trace_flags=TraceFlags(int(match[4], 16))
    )
    return context if context.is_valid else None


def _distinct(headers: Iterable[str | None], at_most: int = LINKS_MAX) -> list[SpanContext]:
    """Return the readable contexts, each once, in the order of their first appearance, up to a maximum."""
    contexts = (_parse(header) for header in dict.fromkeys(headers))
    return list(islice((context for context in contexts if context is not None), at_most))
