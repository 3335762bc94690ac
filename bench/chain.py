"""Measures a takedown chain: notices are sent, and a trigger reports when an obligation is verified."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaProducer

from bench.stage import BenchError, free_port
from bench.watch import contestant
from clawback_contracts import cloudevents
from clawback_contracts.revocation.v1 import Reason, RevocationNoticed
from clawback_local.config import ROOT

CHANNEL = "bench_verified"
INGESTER, ANALYTICS, DOWNSTREAM = HOLDERS = "ingester", "analytics", "downstream"
SAMPLE_S_MAX = 60.0
CONSUMER = str(ROOT / "contracts" / "examples" / "consumer.py")
TELL = """
    CREATE OR REPLACE FUNCTION bench_tell() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('{channel}', ({article}) || ' ' || NEW.holder);
        RETURN NULL;
    END $$;
    CREATE OR REPLACE TRIGGER bench_tell AFTER UPDATE ON {table} FOR EACH ROW
    WHEN (NEW.verified_at IS NOT NULL AND OLD.verified_at IS NULL) EXECUTE FUNCTION bench_tell();
"""


class Chain:
    """One chain, from the topic of notices to the table of obligations."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._verified: dict[tuple[str, str], asyncio.Future[float]] = {}

    @classmethod
    @asynccontextmanager
    async def watched(cls, kafka: str, database_url: str, table: str, article: str) -> AsyncIterator[Self]:
        """Creates the trigger on ``table`` and listens; ``article`` is SQL for the article id of a row."""
        connection = await asyncpg.connect(database_url)
        try:
            await connection.execute(TELL.format(channel=CHANNEL, table=table, article=article))
            async with AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True) as producer:
                chain = cls(producer)
                await connection.add_listener(CHANNEL, chain._told)
                yield chain
        finally:
            await connection.close()

    def _told(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        article_id, _, holder = str(payload).partition(" ")
        future = self._of(article_id, holder)
        if not future.done():
            future.set_result(time.monotonic())

    def _of(self, article_id: str, holder: str) -> asyncio.Future[float]:
        return self._verified.setdefault((article_id, holder), asyncio.get_running_loop().create_future())

    async def take_down(self, article_id: str) -> float:
        """Returns the seconds from the notice on Kafka until our stores are verified and the consumer has answered.

        Raises:
            BenchError: it took more than a minute.
        """
        notice = RevocationNoticed(
            notice_id=uuid4(),
            article_id=article_id,
            reason=Reason.LICENSOR,
            noticed_by="bench",
            noticed_at=datetime.now(UTC),
        )
        message = cloudevents.write(notice, notice.notice_id, "/bench", notice.noticed_at)
        await self._producer.send_and_wait(**message)
        started = time.monotonic()
        waiting = [self._of(article_id, holder) for holder in HOLDERS]
        try:
            async with asyncio.timeout(SAMPLE_S_MAX):
                ended: float = max(await asyncio.gather(*waiting))
        except TimeoutError:
            raise BenchError(f"{article_id} was not taken down within {SAMPLE_S_MAX:.0f} s") from None
        return ended - started


@contextmanager
def downstream(kafka: str, group: str, folder: Path, logs: Path) -> Iterator[Path]:
    """Runs the consumer of the contracts' README; yields the file of its store."""
    store = folder / f"{group}.sqlite"
    for path in folder.glob(f"{group}.sqlite*"):
        path.unlink()
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "HOLDER": DOWNSTREAM,
        "GROUP": group,
        "DATABASE": str(store),
        "HOLDINGS_PORT": str(free_port()),
    }
    with contestant(group, CONSUMER, env=env, logs=logs):
        yield store


async def until_held(store: Path, article_ids: Iterable[str], deadline_s: float = 60.0) -> None:
    """Waits until the consumer holds all of these.

    Raises:
        BenchError: it does not hold them in time.
    """
    wanted = set(article_ids)
    give_up = time.monotonic() + deadline_s
    while time.monotonic() < give_up:
        if wanted <= await asyncio.to_thread(_held, store):
            return
        await asyncio.sleep(0.2)
    raise BenchError("the downstream consumer does not come to hold the articles")


def _held(store: Path) -> set[str]:
    if not store.exists():
        return set()
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        try:
            rows = connection.execute("SELECT article_id FROM article WHERE content IS NOT NULL")
            return {row[0] for row in rows}
        except sqlite3.OperationalError:
            return set()
