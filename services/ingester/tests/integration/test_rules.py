"""The rules of order: for any sequence and repetition of arrivals, the numbers decide."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clawback_common.errors import Poison
from clawback_common.kafka import offsets
from clawback_common.messaging import quarantine
from clawback_common.messaging.quarantine import Bad
from clawback_contracts.article.v1 import ArticleSubmitted
from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.v1 import ArticleRemoved, Outcome
from ingester.storage.contents import Months
from ingester.use_cases.publishing import publish
from services.ingester.tests.integration.world import World

pytestmark = pytest.mark.integration

A, B = "up:a", "up:b"
IDS = ("1", "2", "3")
_examples = count()


@dataclass(slots=True)
class Model:
    """The expected state of one article by the rules, without a database."""

    order: int = 0
    revoked: bool = False
    source: int | None = None
    version: int = 0
    text: str | None = None

    def delivered(self, source: int, text: str) -> None:
        """A version arrives."""
        if not self.revoked and (self.source is None or source > self.source):
            self.version, self.text = self.version + 1, text
        self.source = source if self.source is None else max(self.source, source)

    def ordered(self, number: int) -> None:
        """An order arrives: odd ones revoke, even ones reinstate."""
        if number > self.order:
            self.order, self.revoked, self.text = number, number % 2 == 1, None


Step = tuple[str, list[tuple[str, int]]]
_number = st.integers(1, 6)
_entries = st.lists(st.tuples(st.sampled_from(IDS), _number), min_size=1, max_size=4)
_steps = st.lists(st.tuples(st.sampled_from(["deliver", "order"]), _entries), min_size=1, max_size=12)


def _articles(world: World, prefix: str, entries: Sequence[tuple[str, int]]) -> list[ArticleSubmitted]:
    return [world.article(f"{prefix}{one}", f"t{source}", source_order=source) for one, source in entries]


def _orders(world: World, prefix: str, entries: Sequence[tuple[str, int]]) -> list[AnyOrder]:
    return [
        world.revocation(f"{prefix}{one}", n) if n % 2 else world.reinstatement(f"{prefix}{one}", n)
        for one, n in entries
    ]


async def _take(world: World, prefix: str, step: Step) -> None:
    what, entries = step
    if what == "deliver":
        await world.submit(*_articles(world, prefix, entries))
    else:
        await world.order(*_orders(world, prefix, entries))


def _fold(model: dict[str, Model], step: Step) -> None:
    """Applies a batch, of which the newest version per id counts."""
    what, entries = step
    for one in {one for one, _ in entries}:
        best = max(number for other, number in entries if other == one)
        if what == "deliver":
            model[one].delivered(best, f"t{best}")
        else:
            model[one].ordered(best)


async def _compare(world: World, prefix: str, model: dict[str, Model]) -> None:
    for one, expected in model.items():
        article_id = f"{prefix}{one}"
        row = await world.db.fetchrow("SELECT * FROM article WHERE article_id = $1", article_id)
        if row is None:
            assert expected == Model()
            continue
        actual = Model(
            row["order_no"],
            row["state"] == "revoked",
            row["source_order"],
            row["version"] and row["version"] - world.number + 1,
            await world.text(article_id),
        )
        assert actual == expected


_property = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)


@_property
@given(steps=_steps)
async def test_any_sequence_of_versions_and_orders_follows_the_rules(world: World, steps: list[Step]) -> None:
    prefix, model = f"up:e{next(_examples)}-", {one: Model() for one in IDS}
    for step in steps:
        await _take(world, prefix, step)
        _fold(model, step)
        await _compare(world, prefix, model)


@_property
@given(first=_steps, second=_steps)
async def test_two_concurrent_workers_never_leave_a_revoked_text(
    world: World, first: list[Step], second: list[Step]
) -> None:
    prefix = f"up:c{next(_examples)}-"

    async def work(steps: list[Step]) -> None:
        for step in steps:
            await _take(world, prefix, step)

    await asyncio.gather(work(first), work(second))
    numbers: dict[str, dict[str, int]] = {"deliver": {}, "order": {}}
    for what, entries in first + second:
        for one, number in entries:
            numbers[what][one] = max(number, numbers[what].get(one, 0))
    for one in IDS:
        row = await world.db.fetchrow("SELECT * FROM article WHERE article_id = $1", f"{prefix}{one}")
        if row is None:
            assert not [what for what in numbers if one in numbers[what]]
            continue
        order = numbers["order"].get(one, 0)
        assert (row["order_no"], row["source_order"]) == (order, numbers["deliver"].get(one))
        assert row["state"] == ("revoked" if order % 2 else "live")
        if row["state"] == "revoked":
            assert await world.text(f"{prefix}{one}") is None


async def test_a_newer_text_replaces_the_older_and_an_older_one_changes_nothing(world: World) -> None:
    await world.submit(world.article(A, "second", source_order=2))
    await world.submit(world.article(A, "first", source_order=1))
    assert await world.text(A) == "second"
    await world.submit(world.article(A, "third", source_order=3))
    assert [(one.version, one.title.split()[0]) for one in await world.published()] == [
        (world.number + 1, "third")
    ]


async def test_the_same_delivery_again_is_stored_and_published_once(world: World) -> None:
    for _ in range(3):
        await world.submit(world.article(A, source_order=1), world.article(A, source_order=1))
    assert [(one.article_id, one.version) for one in await world.published()] == [(A, world.number)]


async def test_a_version_that_a_restored_database_lost_is_not_assigned_again(world: World) -> None:
    await world.submit(world.article(A, "first", source_order=1))
    await world.submit(world.article(A, "second", source_order=2))
    (before,) = await world.published()
    await world.db.execute(
        "TRUNCATE article, article_content, outbox_bulk"
    )  # as in a dump from before it arrived
    world.clock.advance(seconds=1)
    await world.submit(world.article(A, "third", source_order=3))
    (after,) = await world.published()
    assert after.version > before.version


async def test_a_revoked_article_is_removed_and_never_stored_again(world: World) -> None:
    await world.submit(world.article(A, source_order=1))
    await world.order(world.revocation(A))
    assert (await world.state(A), await world.text(A)) == ("revoked", None)
    await world.submit(world.article(A, "again", source_order=9))
    assert (await world.state(A), await world.text(A)) == ("revoked", None)
    assert await world.published() == []


async def test_an_article_revoked_before_it_arrives_is_not_stored(world: World) -> None:
    await world.order(world.revocation(A))
    await world.submit(world.article(A, source_order=1))
    assert (await world.state(A), await world.text(A)) == ("revoked", None)
    assert await world.published() == []


async def test_after_a_reinstatement_an_old_text_is_refused_and_a_newer_one_is_stored(world: World) -> None:
    await world.submit(world.article(A, "first", source_order=3))
    await world.order(world.revocation(A, 1))
    await world.submit(world.article(A, "meanwhile", source_order=5))
    await world.order(world.reinstatement(A, 2))
    for source in (1, 3, 5):
        await world.submit(world.article(A, "late", source_order=source))
    assert (await world.state(A), await world.text(A)) == ("live", None)
    await world.submit(world.article(A, "new", source_order=6))
    assert await world.text(A) == "new"
    (published,) = await world.published()
    assert (published.after_order, published.version) == (2, world.number + 1)


async def test_a_reinstatement_whose_revocation_was_skipped_still_removes_the_old_text(
    world: World,
) -> None:
    await world.submit(world.article(A, source_order=1), world.article(B, source_order=1))
    await world.order(world.reinstatement(A, 2))
    await world.order(world.revocation(B, 1), world.reinstatement(B, 2))
    assert await world.held(A, B) == set()
    await world.submit(world.article(A, "new", source_order=2))
    await world.order(world.reinstatement(A, 2))
    assert await world.text(A) == "new"


async def test_an_old_order_changes_nothing(world: World) -> None:
    await world.order(world.revocation(A, 3))
    await world.order(world.reinstatement(A, 2), world.revocation(A, 1))
    assert await world.state(A) == "revoked"


async def outcomes(world: World) -> list[dict[str, Any]]:
    return [
        {"order": one.order, "attempt": one.attempt} | {part.copy_kind: part.outcome for part in one.removals}
        for one in await world.unsent(ArticleRemoved)
    ]


async def test_the_receipt_of_every_order_states_what_was_found(world: World) -> None:
    await world.submit(world.article(A))
    await world.order(world.revocation(A, 1), world.revocation(B, 1))
    never, removed, lifted, old = (
        Outcome.NEVER_HELD,
        Outcome.REMOVED,
        Outcome.REINSTATED,
        Outcome.SUPERSEDED,
    )
    assert sorted(await outcomes(world), key=lambda one: str(one["content"])) == [
        {"order": 1, "attempt": 1, "content": never, "quarantine": never},
        {"order": 1, "attempt": 1, "content": removed, "quarantine": never},
    ]
    await world.mark_sent()
    await world.order(world.reinstatement(A, 2))
    assert await outcomes(world) == [{"order": 2, "attempt": 1, "content": lifted, "quarantine": lifted}]
    await world.mark_sent()
    await world.order(world.revocation(A, 1, attempt=4))
    assert await outcomes(world) == [{"order": 1, "attempt": 4, "content": old, "quarantine": old}]
    await world.mark_sent()
    await world.order(world.revocation(A, 3))
    assert [one["content"] for one in await outcomes(world)] == [Outcome.ALREADY_REMOVED]


async def test_a_resent_order_gets_another_receipt(world: World) -> None:
    await world.submit(world.article(A))
    order = world.revocation(A)
    await world.order(order)
    first = await world.unsent(ArticleRemoved)
    await world.mark_sent()
    await world.order(order)
    again = await world.unsent(ArticleRemoved)
    assert [one.receipt_id for one in again] == [one.receipt_id for one in first]
    await world.mark_sent()
    await world.order(order.model_copy(update={"attempt": 2}))
    (second,) = await outcomes(world)
    assert (second["attempt"], second["content"]) == (2, Outcome.ALREADY_REMOVED)


async def test_an_order_for_other_holders_is_applied_without_a_receipt(world: World) -> None:
    await world.submit(world.article(A))
    await world.order(world.revocation(A, 1).model_copy(update={"holders": ("search",)}))
    assert await outcomes(world) == []
    assert (await world.state(A), await world.held(A)) == ("revoked", set())
    await world.order(
        world.revocation(A, 1).model_copy(update={"holders": ("search", "ingester"), "attempt": 2})
    )
    assert [one["attempt"] for one in await outcomes(world)] == [2]


async def test_a_receipt_is_sent_only_with_the_removal_that_it_reports(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.submit(world.article(A))

    async def fails(*_: object) -> None:
        raise Poison("a_mistake_of_ours")

    with monkeypatch.context() as patched:
        patched.setattr("ingester.storage.notices.answered", fails)
        with pytest.raises(Poison):
            await world.order(world.revocation(A))
    assert await world.unsent(ArticleRemoved) == []
    assert (await world.state(A), await world.text(A)) == ("live", "text")
    await world.order(world.revocation(A))
    (receipt,) = await outcomes(world)
    assert receipt["content"] == Outcome.REMOVED
    assert await world.held(A) == set()


async def test_of_articles_published_and_revoked_concurrently_none_remains(world: World) -> None:
    ids = [f"up:race-{n}" for n in range(200)]
    for start in range(0, 200, 10):
        some = ids[start : start + 10]
        await asyncio.gather(
            world.submit(*(world.article(one, source_order=1) for one in some)),
            world.order(*(world.revocation(one) for one in some)),
            world.submit(*(world.article(one, source_order=2) for one in some)),
        )
    assert await world.held(*ids) == set()
    assert await world.published() == []
    assert {await world.state(one) for one in ids} == {"revoked"}


async def test_a_waiting_article_is_not_published_once_it_is_revoked(world: World) -> None:
    await world.submit(world.article(A), world.article(B))
    await world.order(world.revocation(A))
    assert [one.article_id for one in await world.published()] == [B]


async def test_a_takedown_purges_the_quarantine_and_reports_it(world: World) -> None:
    bad = Bad(Poison("odd"), source="ingester", topic="t", subjects=(A,), value=b"content", event_id="1")
    async with world.db.transaction() as tx:
        await quarantine.put(tx, world.service.outbox, [bad], world.clock.now())
    assert await world.held(A) == {A}
    await world.order(world.revocation(A))
    assert await world.held(A) == set()
    (receipt,) = await outcomes(world)
    assert (receipt["content"], receipt["quarantine"]) == (Outcome.NEVER_HELD, Outcome.REMOVED)


async def test_the_first_delivery_determines_the_retention_date(world: World) -> None:
    first = world.article(A, source_order=1)
    await world.submit(first)
    world.clock.advance(days=40)
    await world.submit(world.article(A, "second", source_order=2))
    published = await world.published()
    assert {one.retention_date for one in published} == {first.published_at}
    assert await world.text(A) == "second"
    await world.order(world.revocation(A))
    assert await world.held(A) == set()


async def test_a_date_in_the_future_counts_as_received_now(world: World) -> None:
    now = world.clock.now()
    await world.submit(world.article(A, published_at=now.replace(year=2199)))
    (published,) = await world.published()
    assert (published.retention_date, published.published_at.year) == (now, 2199)


@pytest.mark.parametrize("year", [1, 1850, 1970, 1999, 2000, 2007, 2026])
async def test_an_article_of_any_date_can_be_stored_and_taken_down(world: World, year: int) -> None:
    await world.submit(world.article(A, published_at=world.clock.now().replace(year=year, month=2, day=1)))
    assert [one.published_at.year for one in await world.published()] == [year]
    await world.order(world.revocation(A))
    assert await world.held(A) == set()


async def test_a_new_month_can_be_created_concurrently(world: World) -> None:
    others = [World(replace(world.service, months=Months(world.db)), world.clock) for _ in range(4)]
    date = world.clock.now().replace(year=2011)
    await asyncio.gather(
        *(other.submit(world.article(f"up:{n}", published_at=date)) for n, other in enumerate(others))
    )
    assert len(await world.published()) == 4


async def test_an_id_of_another_provider_is_refused_as_a_submission(world: World) -> None:
    with pytest.raises(Poison, match="provider_not_allowed"):
        await world.submit(world.article("metabase:1"))


async def test_a_batch_of_texts_ends_with_the_one_that_reaches_the_byte_limit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingester.use_cases.publishing.BATCH_BYTES_MAX", 50_000)
    await world.submit(*(world.article(f"up:{n}", body="x" * 20_000) for n in range(5)))
    await world.order(world.revocation("up:1"))
    rows = await world.db.fetch("SELECT * FROM outbox_bulk ORDER BY ref")
    messages = await publish(world.service, world.db, rows)
    assert [message is not None for message in messages] == [True, False, True, True]
    rest = await publish(world.service, world.db, rows[len(messages) :])
    assert [message is not None for message in rest] == [True]


async def test_offsets_of_submissions_are_stored_with_the_articles(world: World) -> None:
    await world.submit(world.article(A), world.article(B))
    stored = await offsets.stored(world.db, "ingester")
    assert stored == {("article-submissions.v1", 0): world.offset}
