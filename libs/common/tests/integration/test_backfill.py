"""Records that the log no longer has are backfilled from their writer, and only then."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from clawback_common.errors import Stop, Transient
from clawback_common.kafka import offsets
from clawback_common.kafka.envelope import Batch
from clawback_common.kafka.refill import pages, refill
from clawback_common.kafka.subscription import BusContext
from clawback_common.service.process import ShutdownEvent, serve
from clawback_testing.broker import Broker
from clawback_testing.subscribers import Ping, ping

pytestmark = pytest.mark.integration


class Writer:
    """Lists all its records, two per page; or responds with an error."""

    def __init__(self, count: int, error_response: Response | None = None) -> None:
        self.items = [{"who": "ann", "number": n, "words": ""} for n in range(count)]
        self.error_response = error_response

    async def list_records(self, request: Request) -> Response:
        """Return a page in compliance's format."""
        start = int(request.query_params["after"] or 0)
        page = self.items[start : start + 2]
        end = start + len(page)
        body = {"items": page, "next_cursor": str(end), "caught_up": end == len(self.items)}
        return self.error_response or JSONResponse(body)


@asynccontextmanager
async def listed(writer: Writer, port: int) -> AsyncIterator[str]:
    stopping = ShutdownEvent()
    app = Starlette(routes=[Route("/api/v1/records", writer.list_records)])
    serving = asyncio.create_task(serve(app, "127.0.0.1", port, stopping))
    try:
        while True:
            with suppress(OSError):
                _, line = await asyncio.open_connection("127.0.0.1", port)
                line.close()
                break
            await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        stopping.set()
        await serving


def read(item: Mapping[str, Any]) -> Ping:
    return Ping.model_validate(item)


async def fill(context: BusContext, topic: str, address: str) -> list[int]:
    """Return the numbers that were handled."""
    numbers: list[int] = []

    async def handle(batch: Batch[Ping]) -> None:
        numbers.extend(one.value.number for one in batch)

    settings, db = context.settings, context.db
    count = await refill(
        settings,
        db,
        context.service,
        topic,
        pages("writer", AnyHttpUrl(address), None, "/records"),
        read,
        handle,
    )
    assert count == len(numbers)
    return numbers


async def test_a_position_before_the_log_start_backfills_everything_once(
    broker: Broker, context: BusContext, unused_tcp_port: int
) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(5)])
    await broker.delete_records(topic, up_to=3)
    async with listed(Writer(5), unused_tcp_port) as address:
        assert await fill(context, topic, address) == [0, 1, 2, 3, 4]
        assert await fill(context, topic, address) == []


async def test_a_position_beyond_the_log_end_backfills_everything_once(
    broker: Broker, context: BusContext, unused_tcp_port: int
) -> None:
    topic = await broker.new_topic()
    async with context.db.transaction() as tx:
        await offsets.move(tx, context.service, {(topic, 0): 5})
    async with listed(Writer(3), unused_tcp_port) as address:
        assert await fill(context, topic, address) == [0, 1, 2]
        assert await fill(context, topic, address) == []
    assert (await offsets.stored(context.db, context.service))[topic, 0] == 0


async def test_a_complete_log_needs_no_backfill(
    broker: Broker, context: BusContext, unused_tcp_port: int
) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(0, topic=topic)])
    assert await fill(context, topic, f"http://127.0.0.1:{unused_tcp_port}/records") == []


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (Response(status_code=503), Transient),
        (Response("<html>"), Transient),
        (JSONResponse({"items": [{"number": "none"}], "next_cursor": "1", "caught_up": True}), Transient),
        (Response(status_code=401), Stop),
    ],
    ids=["failing", "no JSON", "no event", "no key"],
)
async def test_an_unreadable_list_is_not_an_empty_list(
    broker: Broker, context: BusContext, unused_tcp_port: int, response: Response, error: type[Exception]
) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(2)])
    await broker.delete_records(topic, up_to=1)
    async with listed(Writer(2, response), unused_tcp_port) as address:
        with pytest.raises(error):
            await fill(context, topic, address)
    async with listed(Writer(2), unused_tcp_port) as address:
        assert await fill(context, topic, address) == [0, 1]
