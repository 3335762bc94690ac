"""One message at a time, as in tutorials: typed handler, one transaction and one commit each."""

import asyncio

import asyncpg
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from bench import by_hand
from clawback_contracts.article.v1 import ArticleSubmitted


async def main() -> None:
    """Consumes until cancelled."""
    broker = KafkaBroker(by_hand.KAFKA, logger=None)
    async with asyncpg.create_pool(by_hand.DATABASE_URL) as pool:

        @broker.subscriber(
            by_hand.TOPIC,
            group_id=by_hand.GROUP,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,
        )
        async def arrived(article: ArticleSubmitted) -> None:
            async with pool.acquire() as connection:
                await by_hand.store(connection, [by_hand.Submitted(article, article.article_id)])

        async with broker:
            await broker.start()
            await asyncio.Event().wait()


if __name__ == "__main__":
    by_hand.run(main)
