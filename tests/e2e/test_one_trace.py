"""One trace from the provider's page to the last receipt, seen by a collector outside."""

from collections.abc import Iterable

import pytest
from aiokafka import ConsumerRecord

from clawback_story import chapters, sources
from clawback_story.scanning import read_topics
from clawback_story.world import METABASE, REVOKED_FEED, World
from tests.e2e.collector import Collector

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.usefixtures("evidence"),
]


async def _trace_of(world: World, topic: str, key: str) -> set[str]:
    """The trace ids of the records on one article, or under another key."""
    found: set[str] = set()

    def take(records: Iterable["ConsumerRecord[bytes, bytes]"]) -> None:
        for record in records:
            if record.key == key.encode():
                found.add(dict(record.headers)["traceparent"].decode().split("-")[1])

    await read_topics(world, take, only=[topic])
    return found


async def test_a_takedown_is_one_trace_from_the_page_to_the_last_receipt(
    world: World, collector: Collector
) -> None:
    revoked = (await world.simulator.revoke(count=1)).ids[0]
    article_id = f"{METABASE}:{revoked}"
    await sources.poll_well(world, REVOKED_FEED)

    async def closed() -> bool:
        question = "SELECT count(*) FROM revocation WHERE article_id = $1 AND closed_at IS NOT NULL"
        return bool(await world.value("compliance", question, article_id))

    await world.until("the takedown is closed", closed, within_s=60)
    (trace,) = await _trace_of(world, "revocation-notices.v1", article_id)
    assert await _trace_of(world, "revocations.v1", article_id) == {trace}
    assert await _trace_of(world, "removal-receipts.v1", article_id) == {trace}
    expected = {
        f"page {REVOKED_FEED}",
        "send revocation-notices.v1",
        "process revocation-notices.v1",
        "send revocations.v1",
        "process revocations.v1",
        "send removal-receipts.v1",
        "process removal-receipts.v1",
    }

    async def exported() -> bool:
        return expected <= collector.names(trace)

    await world.until("every step is exported", exported, within_s=30)


async def test_an_article_carries_its_page_s_trace_to_its_consumers(
    world: World, collector: Collector
) -> None:
    (published,) = (await world.simulator.publish(1, dated_days_ago=0)).ids
    article_id = f"{METABASE}:{published}"
    await sources.poll_well(world)
    await chapters.until_held(world, "the article", within_s=30)
    (trace,) = await _trace_of(world, "articles.v1", article_id)

    async def exported() -> bool:
        return {"page metabase-articles", "send articles.v1"} <= collector.names(trace)

    await world.until("page and sending are exported", exported, within_s=30)


async def test_a_sweep_is_one_trace_from_the_request_to_the_last_owner_s_answer(
    world: World, collector: Collector
) -> None:
    response = await world.retention.post(
        "/retention/sweeps", headers=world.key("operator"), json={"data_class": "job_runs"}
    )
    assert response.status_code == 202
    sweep_id = response.json()["sweeps"][0]["sweep_id"]

    async def answered() -> bool:
        question = "SELECT state = 'done' FROM sweep WHERE sweep_id = $1"
        return bool(await world.value("retention", question, sweep_id))

    await world.until("the sweep is closed", answered, within_s=60)
    (trace,) = await _trace_of(world, "sweep-results.v1", sweep_id)
    assert trace in await _trace_of(world, "sweeps.v1", "job_runs")
    expected = {
        "send sweeps.v1",
        "process sweeps.v1",
        "sweep",
        "send sweep-results.v1",
        "process sweep-results.v1",
    }

    async def exported() -> bool:
        return expected <= collector.names(trace)

    await world.until("every step is exported", exported, within_s=30)


async def test_no_span_carries_content(world: World, collector: Collector) -> None:
    tokens = (await world.simulator.truth(canaries=True)).tokens(
        (await world.simulator.truth()).published_ids
    )
    exported_bytes = b"".join(span.SerializeToString() for span in collector.spans)
    assert tokens
    assert collector.spans
    assert not [token for token in tokens if token.encode() in exported_bytes]
