"""One trace from the provider's page to the last receipt, seen by a collector outside."""

import gzip
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import pytest_asyncio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from typing_extensions import override

from clawback_common.testing.broker import Broker
from clawback_local import Stack
from clawback_story import chapters, doors
from clawback_story.plan import Sizes
from clawback_story.telling import Teller
from clawback_story.world import OWN_SERVERS, QUICK_ENV, REVOKED_FEED, World, opened

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

ONE = Sizes(articles=1, pushed=4, submitted=4, revoked=0, never_delivered=0, afterwards=0, again=0)


class Collector:
    """An OTLP endpoint that keeps what it is given."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Takes one export."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            @override
            def log_message(self, *_: Any) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where to export to."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def take(self, request: ExportTraceServiceRequest) -> None:
        """Keeps the spans of one export."""
        for resource in request.resource_spans:
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]

    def names(self, trace: str) -> set[str]:
        """The names of a trace's spans, and of spans of batches that link to it."""
        return {
            span.name
            for span in self.spans
            if trace in {span.trace_id.hex(), *(link.trace_id.hex() for link in span.links)}
        }


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(collector: Collector) -> AsyncIterator[World]:
    env = {**QUICK_ENV, "*": {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}}
    with pytest.MonkeyPatch.context() as patch:
        for name in OWN_SERVERS:
            patch.delenv(name, raising=False)
        with Stack(env=env) as stack:
            async with opened(stack, ONE, 4_711, Teller()) as world:
                await chapters.a_holder_registers(world)
                await chapters.articles_come_in(world, failing=False)
                yield world


async def _trace_of(world: World, topic: str, key: str) -> set[str]:
    """The trace ids of the records on one article, or under another key."""
    records = await Broker(world.bootstrap_servers).read(topic)
    return {
        dict(record.headers)["traceparent"].decode().split("-")[1]
        for record in records
        if record.key == key.encode()
    }


async def test_a_takedown_is_one_trace_from_the_page_to_the_last_receipt(
    world: World, collector: Collector
) -> None:
    revoked = (await world.simulator.revoke(count=1)).ids[0]
    article_id = f"metabase:{revoked}"
    await doors.poll_well(world, REVOKED_FEED)

    async def closed() -> bool:
        question = "SELECT count(*) FROM revocation WHERE article_id = $1 AND closed_at IS NOT NULL"
        return bool(await world.value("compliance", question, article_id))

    await world.until("the takedown is closed", closed, within_s=60)
    (trace,) = await _trace_of(world, "revocation-notices.v1", article_id)
    assert await _trace_of(world, "revocations.v1", article_id) == {trace}
    assert await _trace_of(world, "removal-receipts.v1", article_id) == {trace}
    expected = {
        f"page {REVOKED_FEED}",
        "send revocation-notices.v1",
        "process revocation-notices.v1",
        "send revocations.v1",
        "process revocations.v1",
        "send removal-receipts.v1",
        "process removal-receipts.v1",
    }

    async def exported() -> bool:
        return expected <= collector.names(trace)

    await world.until("every step is exported", exported, within_s=30)


async def test_an_article_carries_its_page_s_trace_to_its_consumers(
    world: World, collector: Collector
) -> None:
    (article_id,) = {f"metabase:{one}" for one in (await world.simulator.truth()).published_ids}
    (trace,) = await _trace_of(world, "articles.v1", article_id)

    async def exported() -> bool:
        return {"page metabase-articles", "send articles.v1"} <= collector.names(trace)

    await world.until("page and sending are exported", exported, within_s=30)


async def test_a_sweep_is_one_trace_from_the_request_to_the_last_owner_s_answer(
    world: World, collector: Collector
) -> None:
    asked = await world.retention.post(
        "/retention/sweeps", headers=world.key("operator"), json={"data_class": "job_runs"}
    )
    assert asked.status_code == 202
    sweep_id = asked.json()["sweeps"][0]["sweep_id"]

    async def answered() -> bool:
        question = "SELECT state = 'done' FROM sweep WHERE sweep_id = $1"
        return bool(await world.value("retention", question, sweep_id))

    await world.until("the sweep is closed", answered, within_s=60)
    (trace,) = await _trace_of(world, "sweep-results.v1", sweep_id)
    assert trace in await _trace_of(world, "sweeps.v1", "job_runs")
    expected = {
        "send sweeps.v1",
        "process sweeps.v1",
        "sweep",
        "send sweep-results.v1",
        "process sweep-results.v1",
    }

    async def exported() -> bool:
        return expected <= collector.names(trace)

    await world.until("every step is exported", exported, within_s=30)


async def test_no_span_carries_content(world: World, collector: Collector) -> None:
    tokens = (await world.simulator.truth(canaries=True)).tokens(
        (await world.simulator.truth()).published_ids
    )
    told = b"".join(span.SerializeToString() for span in collector.spans)
    assert tokens
    assert collector.spans
    assert not [token for token in tokens if token.encode() in told]
