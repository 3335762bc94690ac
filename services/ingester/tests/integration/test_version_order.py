"""The time of arrival decides which of two versions is newer, however late and often they are processed."""

import orjson
import pytest

from clawback_common.errors import Poison
from clawback_common.http.dead_letters import DeadLetterFilter
from clawback_common.messaging.quarantine import Bad, put
from clawback_common.service.dead_letters import dead_letter_service
from clawback_contracts.article.v1 import CONTENT_BYTES_MAX, ArticleSubmitted
from clawback_testing.commands import command
from ingester.domain.article import Arrival, Delivery, deliveries
from ingester.gateways.providers import port
from ingester.service import SERVICE
from ingester.use_cases import polling, storing
from ingester.use_cases.service import GROUP
from services.ingester.tests.integration.world import ENTRY, Script, World, articles_page, revoked_page

A = "up:1"


async def _received_over_http(world: World, article: ArticleSubmitted) -> None:
    await storing.store(world.service, deliveries([(article, None)], world.clock.now()), source="http")


async def test_a_redelivered_record_does_not_replace_a_later_text(world: World) -> None:
    batch = world.received([world.article(A, "OLD")])
    await storing.on_submissions(batch, world.service)
    world.clock.advance(minutes=1)
    await _received_over_http(world, world.article(A, "NEW"))
    world.clock.advance(minutes=1)
    await storing.on_submissions(batch, world.service)
    assert await world.text(A) == "NEW"


async def test_a_retried_dead_letter_does_not_replace_a_later_text(world: World) -> None:
    (old,) = world.received([world.article(A, "OLD")])
    headers = {"ce_id": old.event_id, "ce_type": ArticleSubmitted.TYPE}
    bad = Bad(
        Poison("odd"),
        source=GROUP,
        topic=old.topic,
        at=world.clock.now(),
        subjects=(A,),
        key=A.encode(),
        value=old.value.model_dump_json().encode(),
        headers=headers,
    )
    world.clock.advance(minutes=1)
    await _received_over_http(world, world.article(A, "NEW"))
    world.clock.advance(minutes=1)
    async with world.db.transaction() as tx:
        await put(tx, world.service.outbox, [bad], world.clock.now())
    world.clock.advance(minutes=1)
    outcome = await dead_letter_service(SERVICE, world.service).retry(DeadLetterFilter(older_than_s=0))
    assert (outcome.retried, await world.text(A)) == (1, "NEW")


async def test_a_retried_webhook_item_does_not_replace_a_later_text(
    world: World,
) -> None:
    old = world.article("partner:1", "OLD").model_dump_json(exclude_none=True).encode()
    bad = Bad(
        Poison("odd"),
        source=GROUP,
        topic="webhook:partner",
        at=world.clock.now(),
        event_id="w1/0",
        subjects=("partner:1",),
        value=old,
    )
    world.clock.advance(minutes=1)
    await _received_over_http(world, world.article("partner:1", "NEW"))
    async with world.db.transaction() as tx:
        await put(tx, world.service.outbox, [bad], world.clock.now())
    world.clock.advance(minutes=1)
    assert await command(SERVICE, world.service, "replay-dlq") == 0
    assert await world.text("partner:1") == "NEW"


async def test_a_replay_of_the_topic_publishes_nothing_again(world: World) -> None:
    batch = world.received([world.article(A), world.article("up:2")])
    await storing.on_submissions(batch, world.service)
    assert len(await world.published()) == 2
    world.clock.advance(hours=1)
    await storing.on_submissions(batch, world.service)
    assert await world.published() == []


async def test_equal_content_sent_again_is_not_a_new_version(world: World) -> None:
    published_at = world.clock.now()
    article = world.article(A, published_at=published_at, source_order=1)
    await world.submit(article)
    (first,) = await world.published()
    world.clock.advance(minutes=1)
    await world.submit(article.model_copy(update={"source_order": 2}))
    assert await world.published() == []
    await world.submit(world.article(A, "older", published_at=published_at, source_order=2))
    assert await world.text(A) == "text"
    await world.submit(world.article(A, "changed", published_at=published_at, source_order=3))
    (second,) = await world.published()
    assert second.version > first.version


async def test_equal_content_is_stored_again_after_its_removal(world: World) -> None:
    article = world.article(A, source_order=1)
    await world.submit(article)
    await world.order(world.revocation(A))
    await world.order(world.reinstatement(A))
    await world.published()
    world.clock.advance(minutes=1)
    await world.submit(article.model_copy(update={"source_order": 2}))
    assert await world.text(A) == "text"
    assert len(await world.published()) == 1


ACROSS = [998, 999, 1_000, 1_001, 10_000, 2**40]
"""Offsets that a producer's batch gives to one millisecond; modulo the usual sizes, they do not increase."""


@pytest.mark.parametrize("size", [len(ACROSS), 1], ids=["in one batch", "in batches of one"])
async def test_within_a_millisecond_of_the_broker_the_offset_decides(world: World, size: int) -> None:
    batch = []
    for offset in ACROSS:
        world.offset = offset
        batch += world.received([world.article(A, f"at{offset}")])
    for start in range(0, len(batch), size):
        await storing.on_submissions(batch[start : start + size], world.service)
    assert await world.text(A) == f"at{2**40}"
    for one in batch:
        await storing.on_submissions([one], world.service)
    assert await world.text(A) == f"at{2**40}"


async def test_a_body_with_many_items_is_older_than_a_later_body(
    world: World,
) -> None:
    many = [world.article(f"up:{n}") for n in range(2, 2_002)]
    first = deliveries([(one, None) for one in [*many, world.article(A, "OLD")]], world.clock.now())
    await storing.store(world.service, first, source="http")
    world.clock.advance(microseconds=500)
    await _received_over_http(world, world.article(A, "NEW"))
    assert await world.text(A) == "NEW"


def _swollen() -> bytes:
    """Returns a document of 300 kB that exceeds a megabyte when its numbers are serialized again."""
    numbers = [1e15] * (CONTENT_BYTES_MAX // 12)
    return b"[" + b",".join([b"1e15"] * len(numbers)) + b"]"


async def test_only_the_article_that_exceeds_the_limit_when_serialized_again_is_refused(
    world: World, script: Script
) -> None:
    raw = (
        b'{"article_id": "up:1", "published_at": "2026-02-28T12:00:00Z", "title": "t", "source": {"key": "s"}, '
        b'"extra": {"numbers": ' + _swollen() + b"}}"
    )
    assert len(raw) < CONTENT_BYTES_MAX
    enlarged = ArticleSubmitted.model_validate_json(raw)
    assert Delivery.of(enlarged, Arrival(0), None).too_large
    with pytest.raises(Poison, match="too_large"):
        await world.submit(enlarged)
    good = world.article("metabase:2", source_order=2)
    entry = replace_id(enlarged, "metabase:1")
    script.responses = [articles_page(entry, good, cursor="2")]
    await polling.poll(script.feed("articles"), world.service, "test")
    assert (await world.state("metabase:1"), await world.state("metabase:2")) == (None, "live")
    assert await world.db.fetchval("SELECT reason FROM quarantine") == "too_large"


def replace_id(article: ArticleSubmitted, article_id: str) -> ArticleSubmitted:
    """Returns the same article under another id."""
    return article.model_copy(update={"article_id": article_id, "source_order": 1})


@pytest.mark.parametrize("name", ["f-0of2", "f-2of2", "f-16of16"])
async def test_a_dead_letter_from_a_slice_is_retried_by_the_reader_of_its_feed(
    world: World, script: Script, name: str
) -> None:
    world.configure(script.feed("articles", name="f"))
    bad = [port.Bad(0, "77", "7", "odd", "x", orjson.dumps(ENTRY))]
    script.responses = [articles_page(bad=bad, cursor="8")]
    await polling.poll(script.feed("articles", name=name), world.service, "test")
    world.clock.advance(minutes=1)
    assert await command(SERVICE, world.service, "replay-dlq") == 0
    assert await world.state("metabase:77") == "live"


@pytest.mark.parametrize("entry", [b'{"id": "77", "sequenceId": "5"}', b"<article><id>77</id></article>"])
async def test_an_unreadable_revocation_is_retried_as_a_revocation(
    world: World, script: Script, entry: bytes
) -> None:
    world.configure(script.feed("revoked", name="r"))
    read_at = world.clock.now()
    bad = [port.Bad(0, None, "5", "odd", "x", entry)]
    script.responses = [revoked_page(bad=bad, cursor="5")]
    await polling.poll(script.feed("revoked", name="r"), world.service, "test")
    world.clock.advance(hours=1)
    assert await command(SERVICE, world.service, "replay-dlq") == 0
    row = await world.db.fetchrow("SELECT article_id, earliest_at FROM notice")
    assert row is not None
    assert (row["article_id"], row["earliest_at"]) == ("metabase:77", read_at)
    assert await world.state("metabase:77") is None
