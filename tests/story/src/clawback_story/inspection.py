"""Inspects databases, the consumer's store, APIs, topics and logs directly, not through the services."""

import asyncio
import copy
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from clawback_simulator.truth import Truth
from clawback_story import ledger, notifications, scanning
from clawback_story.evidence import Evidence, Expected, Store, Swept
from clawback_story.history import History
from clawback_story.texts import tokens_in
from clawback_story.world import METABASE, World

PAGE = 500
PAGES_WITH_TEXT = 3
AT_ONCE = 6
STATUSES_MAX = 120
CONTENT_BATCH = 2_000
CONTENT = """
SELECT article_id, document FROM article_content UNION ALL SELECT article_id, document FROM article_held
"""
LAST_SWEEPS = """
SELECT s.data_class, o.owner, coalesce(a.outcome, 'no answer') AS outcome, coalesce(a.found, 0) AS found,
       coalesce(a.removed, 0) AS removed, coalesce(a.held, 0) AS held, coalesce(a.kept, 0) AS kept,
       (SELECT coalesce(sum(e.removed), 0)::bigint FROM sweep_answer AS e JOIN sweep AS t USING (sweep_id)
        WHERE t.data_class = s.data_class AND e.owner = o.owner AND NOT t.dry_run) AS removed_ever
FROM (SELECT DISTINCT ON (data_class) * FROM sweep WHERE NOT dry_run AND action IN ('delete', 'archive')
      ORDER BY data_class, requested_at DESC) AS s
CROSS JOIN LATERAL unnest(s.owners) AS o (owner)
LEFT JOIN sweep_answer AS a ON a.sweep_id = s.sweep_id AND a.owner = o.owner
"""
MISCOUNTED = """
WITH recount AS (
    SELECT dimension, (published_at AT TIME ZONE 'UTC')::date AS day, filter_key_id, value_id, count(*) AS articles,
           sum(words) AS words
    FROM facet CROSS JOIN LATERAL unnest(value_ids) AS f (value_id) LEFT JOIN value ON value.id = value_id
    WHERE published_at IS NOT NULL AND NOT withheld GROUP BY 1, 2, 3, 4
)
SELECT count(*) FROM recount AS c
FULL JOIN rollup AS r USING (dimension, day, filter_key_id, value_id)
WHERE c.articles IS DISTINCT FROM r.articles OR c.words IS DISTINCT FROM r.words
"""
"""Recounts the facets and compares the result with the incrementally maintained rollups."""


async def expectation(world: World) -> Expected:
    """Returns what must be held and what must be removed, by id."""
    return expected_of(world, await world.simulator.truth())


def expected_of(world: World, truth: Truth) -> Expected:
    """Returns the same with the tokens of the texts, if the provider's data includes them."""
    history = world.history
    canaries = truth.canaries or {}
    revoked = {f"{METABASE}:{one}" for one in truth.gone_ids} | history.revoked_by_officer
    versions = {one.id: one.version - (f"{METABASE}:{one.id}" in history.came_late) for one in truth.articles}
    live = truth.live_ids | {one.removeprefix(f"{METABASE}:") for one in history.back}
    held = {
        f"{METABASE}:{one}": frozenset(canaries.get(one, {}).get(versions[one], {}).values()) for one in live
    }
    held |= {one.article_id: one.tokens for one in world.written.values()}
    held = {one: tokens for one, tokens in held.items() if one not in revoked - history.back}
    refused = _too_old(truth, history)
    held = {one: tokens for one, tokens in held.items() if one not in refused}
    owners = {token: f"{METABASE}:{one}" for token, one in truth.tokens().items()}
    owners |= {token: one.article_id for one in world.written.values() for token in one.tokens}
    owners |= dict.fromkeys(world.spoilt_tokens - owners.keys(), "")
    return Expected(
        held=held,
        gone=frozenset(revoked - history.reinstated),
        absent=frozenset((history.reinstated - history.back) | (refused - revoked)),
        owners=owners,
        revocations=len(truth.revocations),
        swept=frozenset(history.swept & held.keys()),
    )


def _too_old(truth: Truth, history: History) -> set[str]:
    """Returns the articles that were already too old when they first arrived."""
    if history.floor is None:
        return set()
    delivered = history.swept | history.on_hold
    aged = {
        f"{METABASE}:{one.id}"
        for one in truth.articles
        if one.dated and datetime.fromisoformat(one.dated) < history.floor
    }
    return aged - delivered


async def gather(world: World) -> Evidence:
    """Collects all evidence."""
    truth = await world.simulator.truth(canaries=True)
    expected = expected_of(world, truth)
    async with asyncio.TaskGroup() as tasks:
        of_tables = tasks.create_task(scanning.tables(world))
        of_files = tasks.create_task(asyncio.to_thread(scanning.files, world.stack.run_dir))
        looks = (_content, _quarantine, _downstream, _api, _counted)
        of_stores = [tasks.create_task(look(world)) for look in looks]
        of_topics = tasks.create_task(scanning.topics(world))
        of_cache = tasks.create_task(scanning.cache(world))
        statuses = tasks.create_task(_statuses(world, expected.gone))
        of_swept = tasks.create_task(_statuses(world, expected.swept))
        listed = tasks.create_task(_listed_as_revoked(world))
    stores = tuple(one.result() for one in of_stores)
    searched = of_tables.result() | of_files.result() | of_cache.result()
    counts = {place: len(found) for place, found in searched.items()}
    return Evidence(
        sizes=world.sizes,
        expected=expected,
        history=copy.deepcopy(world.history),
        stores=stores,
        ledger=await ledger.read(world),
        topics=of_topics.result(),
        leaks={place: found for place, found in searched.items() if found},
        scanned=counts | {store.name: len(store.tokens) for store in stores},
        api_answers=statuses.result(),
        api_revoked=listed.result(),
        holdings=await _holdings(world, expected.gone),
        incidents_open=await _incidents(world, "WHERE closed_at IS NULL"),
        incidents_seen=await _incidents(world, ""),
        revoked_rows=await _pairs(world, "SELECT article_id, order_no FROM article WHERE state = 'revoked'"),
        quarantined=await _pairs(world, "SELECT topic, count(*) FROM quarantine GROUP BY topic"),
        injected=sum((Counter(calls.injected) for calls in truth.calls.values()), Counter()),
        restarts=sum(row["restarts"] for row in await world.in_thread(world.stack.status)),
        checked_at=datetime.now(UTC),
        sweeps=tuple(Swept(**row) for row in await world.rows("retention", LAST_SWEEPS)),
        outliving=await _identities(world, expected.swept),
        swept_answers=of_swept.result(),
        sent=tuple(await asyncio.to_thread(notifications.read, world.stack.run_dir)),
        miscounted=await world.value("analytics", MISCOUNTED),
        rollups=await world.value("analytics", "SELECT count(*) FROM rollup"),
    )


async def _identities(world: World, ids: Iterable[str]) -> frozenset[str]:
    question = "SELECT article_id FROM article WHERE article_id = ANY ($1)"
    return frozenset(row["article_id"] for row in await world.rows("ingester", question, sorted(ids)))


async def _pairs(world: World, question: str) -> dict[str, int]:
    return dict(tuple(row) for row in await world.rows("ingester", question))


async def _content(world: World) -> Store:
    ids: set[str] = set()
    tokens: set[str] = set()
    async with world.databases["ingester"].acquire() as connection, connection.transaction():
        cursor = await connection.cursor(CONTENT)
        while rows := await cursor.fetch(CONTENT_BATCH):
            for row in rows:
                ids.add(row["article_id"])
                tokens |= tokens_in(row["document"].encode())
    versions = {
        row["article_id"]: row["version"]
        for row in await world.rows("ingester", "SELECT article_id, version FROM article")
    }
    return Store("the ingester's database", frozenset(ids), frozenset(tokens), whole=True, versions=versions)


async def _quarantine(world: World) -> Store:
    """Quarantined records and unprocessed webhooks: content that is stored separately."""
    rows = await world.rows(
        "ingester", "SELECT '{}'::text[] AS subjects, body AS value FROM delivery WHERE body IS NOT NULL"
    )
    for name in world.databases:
        rows += await world.rows(name, "SELECT subjects, value FROM quarantine WHERE value IS NOT NULL")
    ids = {subject for row in rows for subject in row["subjects"]}
    tokens = {token for row in rows for token in tokens_in(row["value"])}
    return Store("quarantine and deliveries", frozenset(ids), frozenset(tokens), whole=False)


async def _downstream(world: World) -> Store:
    copies = await asyncio.to_thread(world.downstream.copies)
    tokens = {token for copy in copies.values() for token in tokens_in(copy.content.encode())}
    versions = {article_id: copy.version for article_id, copy in copies.items()}
    return Store(
        "the consumer's store",
        frozenset(copies),
        frozenset(tokens),
        whole=True,
        versions=versions,
        ours=False,
    )


async def _counted(world: World) -> Store:
    """What analytics holds: no text, so the tokens are searched in all its tables, and there must be none."""
    rows = await world.rows(
        "analytics", "SELECT article_id, version FROM facet WHERE published_at IS NOT NULL"
    )
    versions = {row["article_id"]: row["version"] for row in rows}
    return Store(
        "analytics' database",
        frozenset(versions),
        frozenset(),
        whole=True,
        versions=versions,
        with_texts=False,
    )


async def _api(world: World) -> Store:
    """The complete list of articles, and the texts of the first pages."""
    ids: set[str] = set()
    tokens: set[str] = set()
    cursor: str | None = None
    for page in itertools.count():
        params: dict[str, Any] = {"limit": PAGE} | ({"cursor": cursor} if cursor else {})
        if page >= PAGES_WITH_TEXT:
            params["fields"] = "article_id"
        answer = await world.ingester.get("/articles", params=params)
        answer.raise_for_status()
        tokens |= tokens_in(answer.content)
        body = orjson.loads(answer.content)
        ids |= {item["article_id"] for item in body["items"]}
        cursor = body["next_cursor"]
        if cursor is None:
            break
    return Store("the API's list", frozenset(ids), frozenset(tokens), whole=True, with_texts=False)


async def _listed_as_revoked(world: World) -> frozenset[str]:
    """The API's complete list of revoked ids."""
    ids: set[str] = set()
    cursor: str | None = None
    while True:
        params: dict[str, Any] = {"limit": PAGE} | ({"cursor": cursor} if cursor else {})
        body = (await world.ingester.get("/revoked", params=params)).json()
        ids |= {item["article_id"] for item in body["items"]}
        cursor = body["next_cursor"]
        if cursor is None:
            return frozenset(ids)


async def _statuses(world: World, ids: Iterable[str]) -> dict[str, int]:
    """The API's status for some of them, with a few concurrent requests."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def status_of(article_id: str) -> tuple[str, int]:
        async with turns:
            return article_id, (await world.ingester.get(f"/articles/{article_id}")).status_code

    candidates = sorted(ids)
    some = world.chance.sample(candidates, min(STATUSES_MAX, len(candidates)))
    return dict(await asyncio.gather(*(status_of(one) for one in some)))


async def _holdings(world: World, ids: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
    """What the ingester and the consumer report to hold of these."""
    addresses = {
        "ingester": f"{world.ingester.base_url}ingester/holdings",
        "analytics": f"{world.analytics.base_url}analytics/holdings",
        world.downstream.name: world.downstream.holdings_url,
    }
    return {name: await _reported(world, url, sorted(ids)) for name, url in addresses.items()}


async def _reported(world: World, url: str, ids: Sequence[str]) -> dict[str, str]:
    reported: dict[str, str] = {}
    for start in range(0, len(ids), PAGE):
        answer = await world.ingester.post(url, json={"article_ids": ids[start : start + PAGE]})
        answer.raise_for_status()
        reported |= answer.json()["items"]
    return reported


async def _incidents(world: World, which: str) -> int:
    counts = [
        await world.value(name, f"SELECT count(*) FROM incident {which}")  # noqa: S608 - constants
        for name in world.databases
    ]
    return sum(counts)
