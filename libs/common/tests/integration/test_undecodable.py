"""A record that the client cannot decode does not affect other records."""

from typing import Any

import pytest
from aiokafka.producer import message_accumulator, producer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from typing_extensions import override

from clawback_common.kafka.subscription import BusContext, Subscription
from clawback_testing.broker import Broker, Raw
from clawback_testing.subscribers import Ping, Recorder, consuming, ping
from clawback_testing.waiting import until

pytestmark = pytest.mark.integration


class NotUtf8(str):
    """A header name as a client in another language may send it."""

    __slots__ = ()

    @override
    def encode(self, *_: Any) -> bytes:
        """Bytes that are not text."""
        return b"\xff\xfe\xfd"


@pytest.fixture
def _sends_any_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (producer, message_accumulator):
        monkeypatch.setattr(module, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)


@pytest.mark.usefixtures("_sends_any_bytes")
async def test_a_header_name_that_is_not_utf8_does_not_stop_the_partition(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic(partitions=2)
    broken = Raw.of(ping(99))
    broken = Raw(broken.value, broken.key, [*broken.headers, (NotUtf8("x"), b"y")], partition=0)
    good = [Raw.of(ping(n)).replace(partition=n % 2) for n in range(10)]
    for batch in (good[:5], [broken], good[5:], [broken]):
        await broker.send(topic, batch)
    recorder = Recorder()
    subscription = Subscription(topic, (Ping,), recorder, own_offsets=True)
    async with consuming(context, subscription):
        await until(lambda: sorted(recorder.numbers) == list(range(10)), what="all other records")

        async def both_quarantined() -> bool:
            rows = await context.db.fetch("SELECT reason, partition FROM quarantine")
            return [tuple(row) for row in rows] == [("record_unreadable", 0)] * 2

        await until(both_quarantined, what="both quarantined")

        async def all_processed() -> bool:
            return bool(await context.db.fetchval("SELECT max(next_offset) FROM consumer_offset") == 7)

        await until(all_processed, what="the offset is past the last record")
