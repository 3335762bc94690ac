"""Random sequences of articles, orders, sweeps, repeats and closed incidents, processed by two workers concurrently.

After every commit the counts are compared with a recount from the facets; after every step the facets are compared with
plain dicts; at the end, when everything is processed, the counted articles are those that a model of the ingester has
published. The end-to-end scenario uses a real ingester and compares with its provider's data (C12). Orders on a
withheld article wait for the articles.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.domain.dimensions import DIMENSIONS
from analytics.storage import rollups, values
from analytics.storage.retention import Articles
from analytics.storage.values import ValueIds
from analytics.use_cases import counting, incidents
from analytics.use_cases.orders import on_orders
from analytics.use_cases.service import Service
from clawback_common.retention import Progress
from clawback_contracts.sweep.v1 import Hold
from services.analytics.tests.integration.model import (
    IDS,
    INTERVALS,
    SHAPES,
    Model,
    Row,
    Shape,
    questions,
    split,
)
from services.analytics.tests.integration.world import World

pytestmark = pytest.mark.integration

_id = st.sampled_from(IDS)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), _id, st.integers(0, len(SHAPES) - 1), st.integers(0, 2)),
        st.tuples(st.just("order"), _id),
        st.tuples(st.just("back"), _id, st.integers(0, len(SHAPES) - 1)),
        st.tuples(st.just("deliver"), st.lists(st.integers(0, 40), min_size=1, max_size=8)),
        st.tuples(st.just("deliver newest"), st.integers(1, 3)),
        st.tuples(st.just("withhold"), _id),
        st.tuples(st.just("look")),
        st.tuples(st.just("sweep"), st.sampled_from([365, 365, 30]), st.lists(_id, max_size=1)),
    ),
    min_size=6,
    max_size=24,
)
EMPTY = "TRUNCATE facet, rollup, value, filter_key, outbox_priority, incident, consumer_offset"
ROWS = """
    SELECT f.article_id, version, order_no, revoked, withheld, published_at, language, source, licences, words,
           ARRAY(SELECT (dimension, text) FROM value WHERE id = ANY (value_ids)) AS terms
    FROM facet AS f LEFT JOIN filter_key AS k ON k.id = f.filter_key_id
"""


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)
@given(steps=_steps)
async def test_any_sequence_is_counted_by_the_rules(world: World, steps: list[tuple[Any, ...]]) -> None:
    await world.db.execute(EMPTY)
    await world.db.execute("UPDATE retention_floor SET before = '-infinity'")
    model = Model(world)
    workers = [replace(world.service, value_ids=ValueIds(world.db)) for _ in range(2)]
    for step in steps:
        await _take(step, world, model, workers)
        await _compare(world, model)
    await _deliver(range(len(model.events)), world, model, workers)
    await _take(("look",), world, model, workers)
    await _compare(world, model)
    await _compare_with_the_ingester(world, model)
    await _compare_answers(world, model)


async def _take(step: tuple[Any, ...], world: World, model: Model, workers: list[Service]) -> None:
    match step:
        case ("publish", article_id, shape, moved_d):
            model.publish(article_id, shape, moved_d)
        case ("order", article_id):
            model.order(article_id)
        case (
            "back",
            article_id,
            shape,
        ):  # published, revoked, reinstated, published: the order of arrival is random
            model.publish(article_id, shape, 0)
            model.order(article_id)
            model.order(article_id)
            model.publish(article_id, shape, 1)
        case ("deliver", numbers):
            await _deliver(numbers, world, model, workers)
        case ("deliver newest", count):
            await _deliver(range(max(0, len(model.events) - count), len(model.events)), world, model, workers)
        case ("withhold", article_id):
            await world.withhold(article_id)
            model.withhold(article_id)
        case ("look",):
            for row in await world.db.fetch("SELECT id FROM incident WHERE closed_at IS NULL"):
                await incidents.close_incident(workers[0], row["id"], "olga", "looked")
            model.incidents_closed()
        case ("sweep", age_d, held):
            await _sweep(age_d, held, world, model)
        case _:
            raise AssertionError(step)


async def _deliver(numbers: Any, world: World, model: Model, workers: list[Service]) -> None:
    """Two workers process articles and orders concurrently, while the states are checked."""
    if not model.events:
        return
    articles, orders = split(model.events[number % len(model.events)] for number in numbers)
    first, second = articles[::2], articles[1::2]
    works = [
        counting.on_articles(world.received(some), worker)
        for some, worker in ((first, workers[0]), (second, workers[1]))
        if some
    ]
    ordered = [on_orders(world.received(orders), workers[0], confirmed=True)] if orders else []
    # Whether a revocation that is skipped ends a withholding depends on the order of arrival.
    together = not any(row.withheld for row in model.rows.values())
    async with _looked_at(world):
        await asyncio.gather(*works, *(ordered if together else ()))
        if not together:
            await asyncio.gather(*ordered)
    for article in articles:
        model.article_arrives(article)
    model.orders_arrive(orders)


@asynccontextmanager
async def _looked_at(world: World) -> AsyncIterator[None]:
    done = False

    async def look() -> None:
        while not done:
            await world.must_be_exact()

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        done = True
        await looking


async def _sweep(age_d: int, held: list[str], world: World, model: Model) -> None:
    hold = [Hold(hold_id="6d0a5c1e-6d0f-5b52-9f39-2c1f5a3c0d11", article_ids=tuple(held))] if held else []
    request = world.sweep(before=world.ago(days=age_d), holds=tuple(hold))
    articles = Articles(world.db, world.clock)
    promised = await articles.count(request)
    done = await articles.remove(request, Progress())
    assert done == promised
    assert done.removed == model.sweep(world.ago(days=age_d), held)


async def _compare(world: World, model: Model) -> None:
    await world.must_be_exact()
    seen = {}
    for row in await world.db.fetch(ROWS):
        shape = None
        if row["published_at"] is not None:
            shape = Shape(
                row["published_at"],
                row["language"],
                row["source"],
                tuple(row["licences"]),
                {
                    name: frozenset(text for number, text in row["terms"] if number == one.id)
                    for name, one in DIMENSIONS.items()
                },
                row["words"],
            )
        seen[row["article_id"]] = Row(row["version"], row["order_no"], row["revoked"], row["withheld"], shape)
    assert {one: _comparable(row) for one, row in seen.items()} == {
        one: _comparable(row) for one, row in model.rows.items()
    }


def _comparable(row: Row) -> Row:
    """Drops the version of articles that are not counted: it depends on the order of arrival."""
    return row if row.shape else replace(row, version=0)


async def _compare_with_the_ingester(world: World, model: Model) -> None:
    """At lag 0: the same articles, apart from those that a sweep has reached."""
    rows = await world.db.fetch(
        "SELECT article_id FROM facet WHERE published_at IS NOT NULL AND NOT withheld AND retention_date >="
        " (SELECT before FROM retention_floor)"
    )
    published = {
        event.article_id
        for event in split(model.events)[0]
        if model.ingester[event.article_id].published
        and (model.floor is None or event.retention_date >= model.floor)
    }
    assert {row["article_id"] for row in rows} == published


async def _compare_answers(world: World, model: Model) -> None:
    for filters in questions(world):
        for what, dimension in DIMENSIONS.items():
            rows = await rollups.values(world.db, dimension, filters, 500)
            texts = await values.texts(world.db, [int(str(row.key)) for row in rows])
            assert {texts[row.key][0]: row[1:] for row in rows} == model.answer(what, filters)  # type: ignore[index]
        for interval in INTERVALS:
            rows = await rollups.intervals(world.db, filters, interval, 500)
            assert {row.key: row[1:] for row in rows} == model.answer(interval, filters)
