"""The complete worker on a real broker, with a provider over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
import yaml
from pydantic import SecretStr

from clawback_common.clock import SystemClock
from clawback_common.config.settings import CommonSettings
from clawback_common.errors import Transient
from clawback_common.kafka import offsets
from clawback_common.kafka.catchup import CatchUp
from clawback_common.kafka.envelope import Message
from clawback_common.messaging.outbox import priority as orders_outbox
from clawback_common.messaging.outbox.bulk import BulkOutbox
from clawback_common.messaging.outbox.lost_log import Log
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.service.process import ShutdownEvent
from clawback_common.service.work import worker_of
from clawback_common.telemetry import configure_logging
from clawback_contracts.article.v1 import ArticlePublished
from clawback_contracts.deadletter.v1 import DeadLetter
from clawback_contracts.envelope import Event, event_id
from clawback_contracts.revocation.v1 import ArticleRemoved, RevocationNoticed
from clawback_testing.broker import Broker, Raw
from clawback_testing.clock import FakeClock
from clawback_testing.commands import command
from clawback_testing.compliance import Compliance
from clawback_testing.queries import prepare_all
from clawback_testing.waiting import until
from clawback_testing.workers import running
from ingester.gateways import events, metrics
from ingester.service import SERVICE, assemble, configured_feeds
from ingester.settings import Settings
from ingester.use_cases.publishing import may_publish, publish_lost_again
from ingester.use_cases.service import Service
from ingester.use_cases.watching import measure
from services.ingester.tests.integration.world import CANARY, World

pytestmark = pytest.mark.integration

KEY = "key-9921-secret"
Handler = Callable[[httpx.Request], Any]


def message(world: World, event: Event) -> Message:
    return Message.of(event, event_id("m", event.model_dump_json()), at=world.clock.now(), traceparent=None)


@asynccontextmanager
async def running_worker(settings: Settings, db: Database, handler: Handler) -> AsyncIterator[Service]:
    """Runs a complete worker; it is stopped after the block."""
    clock = SystemClock()
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as http:
        feeds = configured_feeds(settings, db, clock, http)
        service = assemble(settings, db, clock, PriorityOutbox(), BulkOutbox(), feeds)
        stopping = ShutdownEvent()
        async with running(worker_of(SERVICE, service, stopping, 0), stopping):
            yield service


@pytest.fixture
def settings(
    topics: Broker,
    database_url: str,
    compliance: Compliance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """Settings of a worker with two feeds on this test's servers."""
    feeds = tmp_path / "feeds.yaml"
    kinds = {"metabase-revoked": "revoked", "metabase-articles": "articles"}
    listed = [{"name": name, "kind": kind, "every": "1s"} for name, kind in kinds.items()]
    feeds.write_text(yaml.safe_dump({"feeds": listed}))
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", topics.bootstrap)
    monkeypatch.setenv("DATABASE_URL", database_url)
    return Settings(
        feeds=feeds,
        compliance_url=compliance.url,
        metabase_api_key=SecretStr(KEY),
        metabase_pause_s=0.05,
        metabase_format="json",
        submission_topics={"article-submissions.v1": ("up",)},
    )


def page(*entries: dict[str, Any], revoked: bool = False) -> httpx.Response:
    name = "revokedArticles" if revoked else "articles"
    return respond({"status": "SUCCESS", name: list(entries)})


def respond(body: Any, content_type: str = "application/json") -> httpx.Response:
    """Returns a response in several chunks."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return httpx.Response(200, stream=httpx.ByteStream(raw), headers={"content-type": content_type})


def entry(number: int) -> dict[str, Any]:
    """Returns an article in the provider's format."""
    return {
        "sequenceId": str(number),
        "id": str(number),
        "title": CANARY,
        "content": CANARY,
        "publishedDate": "2026-02-28T10:00:00Z",
        "source": {"name": "n", "feed": {"id": "7"}},
    }


def empty(request: httpx.Request) -> httpx.Response:
    return page(revoked="revoked" in request.url.path)


async def test_every_named_query_fits_the_migrated_schema(database: Database) -> None:
    assert await prepare_all(database, "ingester.storage") == []


async def test_submissions_are_published_and_revocations_are_applied_with_receipts(
    world: World, topics: Broker, settings: Settings
) -> None:
    articles = [world.article(f"up:{n}", source_order=1) for n in range(50)]
    async with running_worker(settings, world.db, empty):
        await topics.send("article-submissions.v1", [message(world, one) for one in articles])

        async def published() -> bool:
            return len(await topics.events("articles.v1", ArticlePublished)) == 50

        await until(published, what="all published")
        orders = [world.revocation(f"up:{n}") for n in range(0, 50, 2)]
        await topics.send("revocations.v1", [message(world, one) for one in orders])

        async def receipts_sent() -> bool:
            return len(await topics.events("removal-receipts.v1", ArticleRemoved)) == 25

        await until(receipts_sent, what="all receipts are sent")
    found = await topics.events("articles.v1", ArticlePublished)
    assert {one.article_id for one in found} == {one.article_id for one in articles}
    assert await world.held(*(one.article_id for one in articles)) == {f"up:{n}" for n in range(1, 50, 2)}
    sent = await world.db.fetch("SELECT partition, kafka_offset FROM outbox_bulk")
    assert {(row["partition"], row["kafka_offset"]) for row in sent} == {
        (record.partition, record.offset) for record in await topics.read("articles.v1")
    }


async def test_orders_expired_from_their_topic_are_read_from_compliance_before_anything_is_published(
    world: World, topics: Broker, settings: Settings, compliance: Compliance
) -> None:
    compliance.orders.append(world.revocation("up:1"))
    await topics.send("revocations.v1", [message(world, order) for order in compliance.orders])
    await topics.delete_records("revocations.v1")
    async with running_worker(settings, world.db, empty):
        both = [world.article("up:1", source_order=1), world.article("up:2", source_order=1)]
        await topics.send("article-submissions.v1", [message(world, one) for one in both])

        async def published() -> bool:
            return len(await topics.events("articles.v1", ArticlePublished)) > 0

        await until(published, what="the other is published")
    assert [one.article_id for one in await topics.events("articles.v1", ArticlePublished)] == ["up:2"]
    assert await world.state("up:1") == "revoked"


async def test_the_first_start_reads_all_revocations_before_anything_is_published(
    world: World, topics: Broker, settings: Settings
) -> None:
    gate = asyncio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        if "revoked" not in request.url.path:
            first = request.url.params["sequence_id"] == "0"
            return page(*(entry(n) for n in range(1, 6))) if first else page()
        await gate.wait()
        return page({"sequenceId": "1", "id": "3"}, revoked=True)

    async with running_worker(settings, world.db, handler):

        async def stored() -> bool:
            return bool(await world.db.fetchval("SELECT count(*) = 5 FROM article"))

        await until(stored, what="all stored")
        await asyncio.sleep(0.7)
        assert await topics.read("articles.v1") == []
        gate.set()

        async def published() -> bool:
            return len(await topics.read("articles.v1")) >= 4

        await until(published, what="the others are published")
        (notice,) = await topics.events("revocation-notices.v1", RevocationNoticed)
        assert notice.article_id == "metabase:3"
    found = {one.article_id for one in await topics.events("articles.v1", ArticlePublished)}
    assert found == {f"metabase:{n}" for n in (1, 2, 4, 5)}


async def test_records_logs_and_dead_letters_contain_no_key_and_no_content(
    world: World, topics: Broker, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("ingester", "debug", "json")
    calls = 0

    def handler(request: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        assert request.url.params["key"] == KEY
        if calls == 3:
            return respond(f"<html>{CANARY} {KEY}</html>".encode(), "text/html")
        if calls == 4:
            return respond({"status": "FAILURE", "messageCode": "9999", "userMessage": KEY})
        if calls == 5:
            raise httpx.ConnectError(f"{request.url} {CANARY}")
        if "revoked" in request.url.path:
            return page(revoked=True)
        broken = entry(8) | {"publishedDate": CANARY, "id": None}
        return page(entry(7), broken) if request.url.params["sequence_id"] == "0" else page()

    good = Raw.of(message(world, world.article("up:1")))
    odd = f'{{"article_id": "up:2", "title": {{"{CANARY}": 1}}, "body": "{CANARY}"}}'.encode()
    garbage = [
        good,
        good.replace(value=odd, key=b"up:2"),
        good.replace(value=CANARY.encode()),
        good.replace(key=CANARY.encode()),
    ]
    async with running_worker(settings, world.db, handler):
        await topics.send("article-submissions.v1", garbage)

        async def done() -> bool:
            letters = len(await topics.events("ingester.dlq.v1", DeadLetter))
            return calls > 12 and letters >= 3 and len(await topics.read("articles.v1")) >= 2

        await until(done, what="everything has happened", deadline_s=30)
    logged = capsys.readouterr().err
    assert "listening" in logged
    outcomes = {row["outcome"] for row in await world.db.fetch("SELECT outcome FROM api_call")}
    assert {"ok", "html", "transient", "unreachable"} <= outcomes
    texts: list[str] = [logged]
    for table in ("api_call", "feed", "feed_poll", "job_run", "incident", "outbox_priority", "notice"):
        sql = "SELECT coalesce(string_agg(t::text, ' '), '') FROM api_call AS t"
        texts.append(await world.db.fetchval(sql.replace("api_call", table)))
    for topic in ("ingester.dlq.v1", "alerts.v1", "revocation-notices.v1", "removal-receipts.v1"):
        texts += [repr(record) for record in await topics.read(topic)]
    for text in texts:
        assert KEY not in text
        assert CANARY not in text


async def test_a_row_that_cannot_be_sent_is_an_incident_and_an_alert(world: World) -> None:
    await world.service.alert_publisher.on_set_aside("priority", "row 7: too_large: 3000000 bytes")
    await world.service.alert_publisher.on_set_aside("priority", "row 7: too_large: 3000000 bytes")
    assert await world.alerts() == ["OutboxRowSetAside"]
    assert await world.db.fetchval("SELECT count(*) FROM incident WHERE kind = 'unsendable_row'") == 1


async def test_a_worker_exports_the_number_of_its_articles(world: World) -> None:
    await world.submit(world.article("up:1"))
    await measure(world.service)
    assert metrics.ARTICLES.labels("live")._value.get() == 1


async def test_a_published_article_is_the_stored_one_and_matches_the_contract(world: World) -> None:
    article = world.article("up:1", tags=("a",), extra={"x": [1, None]}, source_order=4)
    await world.submit(article)
    (published,) = await world.published()
    expected = orjson.loads(article.model_dump_json(exclude={"source_order"}))
    expected["word_count"] = len((article.body or "").split())
    assert orjson.loads(published.model_dump_json(include=set(expected))) == expected
    assert (published.version, published.after_order, published.source_order) == (world.number, 0, 4)


async def test_a_released_article_is_published_with_the_same_event_id(clock: FakeClock) -> None:
    row = {"article_id": "up:1", "version": 1, "order_no": 0, "source_order": 1}
    row |= {"retention_date": clock.now(), "received_at": clock.now(), "document": '{"article_id":"up:1"}'}
    one: Any = row
    first = events.published(one, None, clock.now())
    assert events.published(one, None, clock.advance(hours=1)).event_id == first.event_id


async def test_the_commands_of_the_service_print_their_results(
    settings: Settings, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert database is not None
    async with SERVICE.open(settings) as service:
        assert await command(SERVICE, service, "migrate") == 0
        assert "none, the database is up to date" in capsys.readouterr().out
        assert sorted(service.feeds) == ["metabase-articles", "metabase-revoked"]
        assert await command(SERVICE, service, "accept-gap") == 0
        assert await command(SERVICE, service, "replay-dlq") == 0
    assert "no gap" in capsys.readouterr().out


async def test_nothing_is_published_before_the_orders_of_all_partitions_are_applied(
    world: World, topics: Broker, common_settings: CommonSettings
) -> None:
    orders = [world.revocation(f"up:{n}") for n in range(30)]
    await topics.send(
        "revocations.v1",
        [Message.of(one, uuid4(), at=world.clock.now(), traceparent=None) for one in orders],
    )
    gate = CatchUp(common_settings, world.db, "ingester", "revocations.v1")
    ends = await gate.begin()
    assert len(ends) > 1
    first, *others = ends

    async def applied(partitions: Sequence[int]) -> None:
        async with world.db.transaction() as tx:
            await offsets.move(tx, "ingester", {("revocations.v1", one): ends[one] for one in partitions})

    await applied([first])  # as one of two replicas has done
    with pytest.raises(Transient):
        await may_publish(replace(world.service, orders_applied=gate.check))
    await applied(others)
    assert await may_publish(replace(world.service, orders_applied=gate.check))


@pytest.mark.parametrize("grown", [0, 9])
async def test_articles_of_a_lost_log_are_published_again(
    world: World, broker: Broker, common_settings: CommonSettings, grown: int
) -> None:
    settings = world.service.settings.model_copy(update=dict(common_settings))
    service = replace(world.service, settings=settings)
    topic = await broker.new_topic()
    await world.submit(world.article("up:1"), world.article("up:2"), world.article("up:3"))
    await world.order(world.revocation("up:2"))
    await broker.send(topic, [Raw(b"{}")] * 3)
    await world.db.execute(
        "UPDATE outbox_bulk SET sent_at = $1, partition = 0, kafka_offset = 2", world.clock.now()
    )
    await publish_lost_again(service, topic)
    assert await world.published() == []
    await broker.recreate(topic)
    await broker.send(topic, [Raw(b"{}")] * grown)
    await publish_lost_again(service, topic)
    assert [one.article_id for one in await world.published()] == ["up:1", "up:3"]
    await publish_lost_again(service, topic)
    assert await world.published() == []


async def test_articles_that_the_topic_deleted_by_age_are_not_published_again(
    world: World, broker: Broker, common_settings: CommonSettings
) -> None:
    service = replace(world.service, settings=world.service.settings.model_copy(update=dict(common_settings)))
    topic = await broker.new_topic()
    await world.submit(world.article("up:1"))
    await world.db.execute(
        "UPDATE outbox_bulk SET sent_at = $1, partition = 0, kafka_offset = 2", world.ago(hours=6, minutes=1)
    )
    await publish_lost_again(service, topic)
    assert await world.published() == []


async def test_receipts_of_a_lost_log_are_sent_again(world: World) -> None:
    await world.submit(world.article("up:1"))
    await world.order(world.revocation("up:1"))
    now, kept, topic, first = world.clock.now(), timedelta(hours=6), "removal-receipts.v1", uuid4()
    await world.db.execute("UPDATE outbox_priority SET sent_at = $1, partition = 0, kafka_offset = id", now)
    last = await world.db.fetchval("SELECT max(kafka_offset) FROM outbox_priority WHERE topic = $1", topic)
    waiting = "SELECT count(*) FROM outbox_priority WHERE sent_at IS NULL"
    whole, grown = Log(topic, first, {0: (0, last + 1)}), Log(topic, uuid4(), {0: (0, last + 1)})
    assert not await orders_outbox.send_lost_again(world.db, whole, now, kept)
    assert await world.db.fetchval(waiting) == 0
    assert await orders_outbox.send_lost_again(world.db, grown, now, kept)
    assert await world.db.fetchval(waiting) == 1
    assert not await orders_outbox.send_lost_again(world.db, grown, now, kept)
