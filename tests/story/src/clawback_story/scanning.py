"""Searches for words of articles in tables, topics, logs and mails where none may be."""

import asyncio
import gzip
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from redis.asyncio import Redis

from clawback_contracts import cloudevents
from clawback_contracts.article.v1 import ArticlePublished
from clawback_local.parts import SUBMISSIONS
from clawback_story.evidence import Letter, Topics
from clawback_story.texts import tokens_in
from clawback_story.world import World

HOMES = ("article_content", "article_held", "quarantine", "delivery")
"""Tables for content; they are read row by row elsewhere."""
CONTENT_TOPICS = frozenset({ArticlePublished.TOPIC, SUBMISSIONS})
FOLDERS = ("logs", "mail", "sms", "archive")
OVERLAP = 64
READ_EVERY = 25
"""One in this many articles on the content topics is parsed with the contract's model; other records always are."""
Taking = Callable[[Iterable["ConsumerRecord[bytes, bytes]"]], None]
"""Processes the records of one partition, in order."""
_VERSION = re.compile(rb'"version":(\d+)')


async def tables(world: World) -> dict[str, frozenset[str]]:
    """Returns every table outside the content stores, with the tokens found in its rows."""
    found = {}
    for database, pool in world.databases.items():
        async with pool.acquire() as connection:
            names = await connection.fetch(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            )
            for (name,) in names:
                if not name.startswith(HOMES):
                    search = Search()
                    await connection.copy_from_query(
                        f'SELECT t::text FROM "{name}" AS t',  # noqa: S608 - names from the catalogue
                        output=search.take,
                    )
                    found[f"table {database}.{name}"] = frozenset(search.tokens)
    return found


class Search:
    """Collects tokens from a stream, including those that span two chunks."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()
        self._tail = b""

    async def take(self, chunk: bytes) -> None:
        """Processes the next chunk."""
        text = self._tail + chunk
        self.tokens |= tokens_in(text)
        self._tail = text[-OVERLAP:]


def files(run_dir: Path) -> dict[str, frozenset[str]]:
    """Returns every log, mail, text message and archive of the stack, with the tokens found in it."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((run_dir / folder).rglob("*")):
            if path.is_file():
                raw = path.read_bytes()
                plain = gzip.decompress(raw) if path.suffix == ".gz" else raw
                found[str(path.relative_to(run_dir))] = frozenset(tokens_in(plain))
    return found


async def cache(world: World) -> dict[str, frozenset[str]]:
    """Returns every key of the cache, with the tokens found in its value."""
    found = {}
    url = world.stack.env["REDIS_URL"]
    if world.stack.production:
        url += f"?ssl_ca_certs={world.stack.paths.tls}/ca.crt"
    async with Redis.from_url(url) as client:
        async for key in client.scan_iter(count=1_000):
            plain = await client.type(key) == b"string"  # a dump may be compressed
            raw = await (client.get(key) if plain else client.dump(key))
            found[f"cache/{key.decode(errors='replace')}"] = frozenset(tokens_in(key + b" " + (raw or b"")))
    return found


async def topics(world: World) -> Topics:
    """Reads every topic from its start to its end."""
    reading = _Reading(world.history.own_records)
    reading.records = dict.fromkeys(await read_topics(world, reading.take), 0) | reading.records
    return reading.results()


async def read_topics(world: World, take: Taking, only: Sequence[str] = ()) -> list[str]:
    """Passes on every record of these topics (none given: all of them). Returns their names."""
    consumer = AIOKafkaConsumer(
        **world.stack.kafka,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_bytes=16_000_000,
        max_partition_fetch_bytes=4_000_000,
        request_timeout_ms=20_000,
    )
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()
        cluster = consumer._client.cluster
        names = sorted(only) or sorted(name for name in await consumer.topics() if name.endswith(".v1"))
        places = [
            TopicPartition(name, number)
            for name in names
            for number in cluster.partitions_for_topic(name) or ()
        ]
        consumer.assign(places)
        await _read_to(consumer, await consumer.end_offsets(places), take)
    finally:
        await consumer.stop()
    return names


async def _read_to(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int], take: Taking) -> None:
    async with asyncio.timeout(60):
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            batches = await consumer.getmany(timeout_ms=500, max_records=2_000)
            for records in batches.values():
                take(records)


class _Reading:
    """Collects the results."""

    def __init__(self, own: set[tuple[str, int, int]]) -> None:
        self.records: dict[str, int] = {}
        self._own = own
        self._leaks: dict[str, set[str]] = {}
        self._unreadable: list[str] = []
        self._versions: dict[bytes, int] = {}
        self._backwards: list[str] = []
        self._letters: list[Letter] = []
        self._content_tokens: set[str] = set()

    def take(self, records: Iterable["ConsumerRecord[bytes, bytes]"]) -> None:
        """Processes records of one partition, in order."""
        for record in records:
            if (record.topic, record.partition, record.offset) in self._own:
                continue
            self.records[record.topic] = self.records.get(record.topic, 0) + 1
            raw = b" ".join(
                [record.value or b"", record.key or b"", *(value or b"" for _, value in record.headers)]
            )
            tokens = tokens_in(raw)
            if record.topic in CONTENT_TOPICS:
                self._content_tokens |= tokens
            elif tokens:
                self._leaks.setdefault(record.topic, set()).update(tokens)
            self._read(record)
            if record.topic == ArticlePublished.TOPIC:
                self._follow(record)

    def _read(self, record: "ConsumerRecord[bytes, bytes]") -> None:
        if record.topic in CONTENT_TOPICS and record.offset % READ_EVERY:
            return
        try:
            cloudevents.read(record.topic, record.headers, record.value)
        except cloudevents.Unreadable as error:
            self._unreadable.append(f"{record.topic}-{record.partition} {record.offset}: {error.reason}")
        if record.topic.endswith(".dlq.v1") and record.value:
            letter = orjson.loads(record.value)
            ce_id = cloudevents.attribute(record.headers, "ce_id") or ""
            place = letter["topic"], letter["partition"], letter["offset"]
            self._letters.append(Letter(ce_id, letter["group"], *place))

    def _follow(self, record: "ConsumerRecord[bytes, bytes]") -> None:
        found = _VERSION.search(record.value or b"")
        if found and record.key:
            version = int(found[1])
            if version < self._versions.get(record.key, 0):
                self._backwards.append(record.key.decode())
            self._versions[record.key] = version

    def results(self) -> Topics:
        """Returns the results."""
        return Topics(
            records=self.records,
            leaks={topic: frozenset(tokens) for topic, tokens in self._leaks.items()},
            unreadable=tuple(self._unreadable),
            backwards=tuple(self._backwards),
            letters=tuple(self._letters),
            content_tokens=len(self._content_tokens),
        )
