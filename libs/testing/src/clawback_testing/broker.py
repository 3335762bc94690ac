"""Broker access for tests: sends raw records, reads all records, creates topics, empties the contract's topics."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.protocol.admin import DeleteGroupsRequest

from clawback_common.kafka.envelope import Message
from clawback_contracts.cloudevents import TYPE, attribute
from clawback_contracts.envelope import Event
from clawback_contracts.topics import load_topics
from clawback_testing.waiting import until

Record: TypeAlias = Any
"""aiokafka's ``ConsumerRecord``, which has no types."""


@dataclass(frozen=True, slots=True)
class Raw:
    """One record as bytes; may be invalid."""

    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()
    partition: int | None = None

    @classmethod
    def of(cls, message: Message, *, source: str = "test") -> "Raw":
        """Return a message as a service would send it."""
        return cls(message.value, message.key.encode(), message.headers(source))

    def replace(self, **changed: Any) -> "Raw":
        """Return the record with these changes; a header set to ``...`` is left out."""
        headers = dict(self.headers) | changed.pop("headers", {})
        return Raw(
            changed.get("value", self.value),
            changed.get("key", self.key),
            [(name, value) for name, value in headers.items() if value is not ...],
            changed.get("partition", self.partition),
        )


@dataclass(slots=True)
class Broker:
    """A client of one broker."""

    bootstrap: str
    _topics: list[str] = field(default_factory=list)

    async def send(self, topic: str, records: Iterable[Raw | Message]) -> list[tuple[int, int]]:
        """Send records in order and return the partition and offset of each."""
        raws = [Raw.of(record) if isinstance(record, Message) else record for record in records]
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, acks="all", max_request_size=8_000_000, linger_ms=2
        )
        async with producer:
            futures = [
                await producer.send(
                    topic, raw.value, key=raw.key, headers=list(raw.headers), partition=raw.partition
                )
                for raw in raws
            ]
            acknowledged = [await future for future in futures]
        return [(place.partition, place.offset) for place in acknowledged]

    async def read(self, topic: str) -> list[Record]:
        """Return every record that is on the topic now, by partition and offset."""
        async with AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, max_partition_fetch_bytes=8_000_000, fetch_max_wait_ms=50
        ) as consumer:
            await consumer._client.force_metadata_update()  # noqa: SLF001 - without subscription it knows no topic
            numbers = consumer._client.cluster.partitions_for_topic(topic) or ()  # noqa: SLF001
            places = [TopicPartition(topic, number) for number in numbers]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            first = await consumer.beginning_offsets(places)
            unread = {place for place in places if first[place] < ends[place]}
            for place in places:
                consumer.seek(place, first[place])
            records: list[Record] = []
            while unread:
                for some in (await consumer.getmany(*unread, timeout_ms=100)).values():
                    records += some
                unread = {place for place in unread if await consumer.position(place) < ends[place]}
        return sorted(records, key=lambda record: (record.partition, record.offset))

    async def events(self, topic: str, *kinds: type[Event]) -> list[Any]:
        """Return the events of these types on the topic."""
        by_type = {kind.TYPE: kind for kind in kinds}
        named = [(attribute(record.headers, TYPE), record.value) for record in await self.read(topic)]
        return [by_type[type_].model_validate_json(value) for type_, value in named if type_ in by_type]

    async def new_topic(self, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        """Create a topic for this test alone and return its name; it is deleted after the test."""
        name = f"test-{uuid4().hex[:12]}"
        async with self.admin() as admin:
            response = await admin.create_topics(
                [NewTopic(name, partitions, 1, topic_configs=dict(config or {}))]
            )
            if response.topic_errors[0][1]:
                raise AssertionError(f"{name}: {response.topic_errors[0]}")
        self._topics.append(name)
        return name

    async def recreate(self, topic: str) -> None:
        """Delete a topic of one partition, and create it again with the same name."""
        async with self.admin() as admin:
            await admin.delete_topics([topic])

            async def created() -> bool:
                response = await admin.create_topics([NewTopic(topic, 1, 1)])
                return not response.topic_errors[0][1]

            async def listed() -> bool:
                return not (await admin.describe_topics([topic]))[0]["error_code"]

            await until(created, what="the topic is created again")
            await until(listed, what="the topic is listed")

    async def delete_records(self, topic: str, *, up_to: int | None = None) -> None:
        """Delete the records of a topic before an offset (None: all records)."""
        async with self.admin() as admin:
            await _delete_records(admin, self.bootstrap, [topic], up_to)

    async def committed(self, group: str) -> dict[tuple[str, int], int]:
        """Return the group's offsets by topic and partition."""
        async with self.admin() as admin:
            found = await admin.list_consumer_group_offsets(group)
        return {(place.topic, place.partition): stored.offset for place, stored in found.items()}

    async def commit(self, group: str, offsets: Mapping[tuple[str, int], int]) -> None:
        """Set offsets of a group without members."""
        async with AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, group_id=group, enable_auto_commit=False
        ) as consumer:
            wanted = {TopicPartition(*place): offset for place, offset in offsets.items()}
            consumer.assign(list(wanted))
            await consumer.commit(wanted)

    async def empty(self) -> None:
        """Delete all records of the contract's topics, and all consumer groups."""
        async with self.admin() as admin:
            await _delete_records(admin, self.bootstrap, list(load_topics()), None)
            groups = [name for name, *_ in await admin.list_consumer_groups()]
            await _delete_groups(admin, groups)

    async def close(self) -> None:
        """Delete the topics of this test."""
        if self._topics:
            async with self.admin() as admin:
                await admin.delete_topics(self._topics)
            self._topics.clear()

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[Any]:
        """Open an admin client."""
        client: Any = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await client.start()
        try:
            yield client
        finally:
            await client.close()


async def _delete_records(admin: Any, bootstrap: str, topics: Sequence[str], up_to: int | None) -> None:
    places = [
        TopicPartition(described["topic"], partition["partition"])
        for described in await admin.describe_topics(list(topics))
        for partition in described["partitions"]
    ]
    if up_to is None:
        async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
            consumer.assign(places)
            first, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        wanted = {place: ends[place] for place in places if first[place] < ends[place]}
    else:
        wanted = dict.fromkeys(places, up_to)
    if wanted:
        await admin.delete_records({place: RecordsToDelete(end) for place, end in wanted.items()})


async def _delete_groups(admin: Any, groups: Sequence[str]) -> None:
    for group in groups:
        coordinator = await admin.find_coordinator(group)
        response = await admin._send_request(DeleteGroupsRequest([group]), coordinator)  # noqa: SLF001 - it has no method
        for name, code in response.results:
            if code:
                raise AssertionError(
                    f"the group {name} is still in use (error {code}): a consumer was not stopped"
                )
