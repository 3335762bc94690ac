"""FastStream's batch subscriber as in its documentation: typed, one batch in flight, of the same size as ours."""

import asyncio

import asyncpg
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from bench import by_hand
from clawback_contracts.article.v1 import ArticleSubmitted

RECORDS_MAX = 300


async def main() -> None:
    """Consumes until cancelled."""
    broker = KafkaBroker(by_hand.KAFKA, logger=None)
    async with asyncpg.create_pool(by_hand.DATABASE_URL) as pool:

        @broker.subscriber(
            by_hand.TOPIC,
            group_id=by_hand.GROUP,
            batch=True,
            max_records=RECORDS_MAX,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,
        )
        async def arrived(batch: list[ArticleSubmitted]) -> None:
            async with pool.acquire() as connection:
                await by_hand.store(
                    connection, [by_hand.Submitted(article, article.article_id) for article in batch]
                )

        async with broker:
            await broker.start()
            await asyncio.Event().wait()


if __name__ == "__main__":
    by_hand.run(main)
