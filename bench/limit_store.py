"""The limit: a hand-written loop from submissions on Kafka to stored rows and a filled outbox.

aiokafka, the contract's model, the ingester's own statements, several batches in flight, no framework. It stores the
same rows as the worker. It validates nothing, retries nothing, quarantines nothing and stores no offsets.
"""

import asyncio

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from bench import by_hand

IN_FLIGHT = 3
RECORDS_MAX = 500


class Assigned(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Receives the assigned partitions; it is called once, because the group has no other member."""

    def __init__(self) -> None:
        self.places: asyncio.Future[list[TopicPartition]] = asyncio.get_running_loop().create_future()

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Called at the end only."""

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Called once."""
        if not self.places.done():
            self.places.set_result(sorted(assigned))


async def main() -> None:
    """One consumer; its partitions are distributed to several loops."""
    assigned = Assigned()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=by_hand.KAFKA,
        group_id=by_hand.GROUP,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    consumer.subscribe([by_hand.TOPIC], listener=assigned)
    async with (
        consumer,
        asyncpg.create_pool(by_hand.DATABASE_URL, min_size=IN_FLIGHT, max_size=IN_FLIGHT) as pool,
    ):
        places = await assigned.places
        await asyncio.gather(*(_loop(consumer, places[n::IN_FLIGHT], pool) for n in range(IN_FLIGHT)))


async def _loop(consumer: AIOKafkaConsumer, places: list[TopicPartition], pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        while True:
            found = await consumer.getmany(*places, timeout_ms=100, max_records=RECORDS_MAX)
            batch = [by_hand.submitted_of(record) for records in found.values() for record in records]
            if batch:
                await by_hand.store(connection, batch)
                await consumer.commit({place: records[-1].offset + 1 for place, records in found.items()})


if __name__ == "__main__":
    by_hand.run(main, tuned=True)
