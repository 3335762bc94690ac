"""Every Kafka client reads our articles, and we read what every client compresses."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from confluent_kafka import Producer as RdKafkaProducer

from clawback_common.config.settings import CommonSettings
from clawback_common.kafka.envelope import Message
from clawback_common.kafka.producer import Producer, Sent
from clawback_contracts.article.v1 import ArticlePublished
from clawback_contracts.envelope import event_id
from clawback_testing import examples
from clawback_testing.broker import Broker
from tests.clients import clients
from tests.clients.clients import NoSuchProgram, Record

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
COPIES = 20
"""So many alike: a producer that compresses makes them smaller, and so does compress them."""
Read = Callable[[str, str, int], list[Record]]


def articles(prefix: str) -> list[Message]:
    """The contract's examples, each several times, under ids of their own."""
    given = [
        ArticlePublished.model_validate_json(one["value"]) for one in examples.load(ArticlePublished).values()
    ]
    many = [
        one.model_copy(update={"article_id": f"{prefix}:{name}-{copy}"})
        for name, one in enumerate(given)
        for copy in range(COPIES)
    ]
    return [Message.of(one, event_id("published", one.key), at=NOW, traceparent=None) for one in many]


async def publish(sent: list[Message], settings: CommonSettings) -> list[Record]:
    """Sends the articles as the ingester does."""
    producer = Producer(settings, "ingester")
    outcomes = await producer.send(sent)
    await producer.close()
    assert all(isinstance(one, Sent) for one in outcomes), outcomes
    return [Record(one.key, dict(one.headers("ingester")), one.value) for one in sent]


async def is_read_by(read: Read, topics: Broker) -> None:
    plain = CommonSettings(kafka_bootstrap_servers=topics.bootstrap)
    gzip = CommonSettings(kafka_bootstrap_servers=topics.bootstrap, kafka_compression="gzip")
    sent = await publish(articles("plain"), plain) + await publish(articles("gzip"), gzip)
    try:
        found = read(topics.bootstrap, ArticlePublished.TOPIC, len(sent))
    except NoSuchProgram as error:
        pytest.skip(str(error))
    assert sorted(found, key=lambda record: record.key) == sorted(sent, key=lambda record: record.key)


@pytest.mark.integration
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "read", [clients.kafkajs, clients.librdkafka, clients.java_client], ids=lambda one: one.__name__
)
async def test_a_client_with_its_default_settings_reads_our_articles(read: Read, topics: Broker) -> None:
    await is_read_by(read, topics)


@pytest.mark.clients
@pytest.mark.timeout(600)
async def test_franz_go_with_its_default_settings_reads_our_articles(topics: Broker) -> None:
    await is_read_by(clients.franz_go, topics)


@pytest.mark.integration
@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
async def test_we_read_what_another_client_has_compressed(codec: str, broker: Broker) -> None:
    topic = await broker.new_topic()
    sent = articles(codec)
    producer = RdKafkaProducer({"bootstrap.servers": broker.bootstrap, "compression.codec": codec})
    for one in sent:
        producer.produce(topic, one.value, one.key)
    assert producer.flush(10) == 0
    assert [record.value for record in await broker.read(topic)] == [one.value for one in sent]
