"""The limit: a hand-written loop from articles on Kafka to stored facets and changed counts.

aiokafka, the contract's model, the statements of analytics, several batches in flight, no framework. It validates
nothing, retries nothing, quarantines nothing.
"""

import asyncio

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import TypeAdapter

from bench import by_hand
from bench.count_by_hand import Words, count
from bench.limit_store import IN_FLIGHT, RECORDS_MAX, Assigned
from clawback_contracts.article.v1 import ArticlePublished

ADAPTER = TypeAdapter(ArticlePublished)


async def main() -> None:
    """One consumer; its partitions are distributed to several loops."""
    assigned = Assigned()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=by_hand.KAFKA,
        group_id=by_hand.GROUP,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    consumer.subscribe([ArticlePublished.TOPIC], listener=assigned)
    words = Words()
    async with (
        consumer,
        asyncpg.create_pool(by_hand.DATABASE_URL, min_size=IN_FLIGHT, max_size=IN_FLIGHT) as pool,
    ):
        places = await assigned.places
        await asyncio.gather(*(_loop(consumer, places[n::IN_FLIGHT], pool, words) for n in range(IN_FLIGHT)))


async def _loop(
    consumer: AIOKafkaConsumer, places: list[TopicPartition], pool: asyncpg.Pool, words: Words
) -> None:
    async with pool.acquire() as connection:
        while True:
            found = await consumer.getmany(*places, timeout_ms=100, max_records=RECORDS_MAX)
            batch = [ADAPTER.validate_json(record.value) for records in found.values() for record in records]
            if batch:
                await count(connection, batch, words)
                await consumer.commit({place: records[-1].offset + 1 for place, records in found.items()})


if __name__ == "__main__":
    by_hand.run(main, tuned=True)
