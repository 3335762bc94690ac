"""Helpers for tests of analytics without its processes; and a recount that does not use the code under test."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from analytics.domain.dimensions import DIMENSIONS, TOTAL
from analytics.storage import facets
from analytics.use_cases import counting
from analytics.use_cases.orders import on_orders, on_unreadable_orders
from analytics.use_cases.service import Service
from clawback_common.errors import Poison
from clawback_common.http.holdings import answered
from clawback_common.kafka.envelope import Message
from clawback_common.messaging.quarantine import Bad
from clawback_contracts.article.v1 import ArticlePublished, Licence, Source, Topic
from clawback_contracts.envelope import Event, event_id
from clawback_contracts.holder.v1 import Holding, HoldingsQuestion
from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.v1 import ArticleRemoved
from clawback_contracts.sweep.v1 import Action, SweepRequested
from clawback_testing.world import ServiceWorld

CANARY = "zq-canary-4471"
"""Is part of title and body. Analytics stores neither, so it must not be found anywhere."""

WRONG = """
    WITH facets AS (
        SELECT dimension, (published_at AT TIME ZONE 'UTC')::date AS day, filter_key_id, value_id, words, withheld
        FROM facet CROSS JOIN LATERAL unnest(value_ids) AS f (value_id) LEFT JOIN value ON value.id = value_id
        WHERE published_at IS NOT NULL
    ),
    truth AS (
        SELECT dimension, day, filter_key_id, value_id, count(*)::int AS articles, sum(words)::bigint AS words
        FROM facets WHERE NOT withheld GROUP BY 1, 2, 3, 4
    ),
    needed AS (
        SELECT value_id AS id, sum(n)::int AS refs
        FROM (SELECT value_id, 1 AS n FROM rollup UNION ALL SELECT value_id, 1 FROM facets WHERE withheld) AS r
        GROUP BY value_id
    )
    SELECT 'not counted' AS what, to_jsonb(t)::text AS row FROM (TABLE truth EXCEPT TABLE rollup) AS t
    UNION ALL
    SELECT 'counted wrongly', to_jsonb(t)::text FROM (TABLE rollup EXCEPT TABLE truth) AS t
    UNION ALL
    SELECT 'needed', to_jsonb(t)::text FROM (TABLE needed EXCEPT SELECT id, refs FROM value) AS t
    UNION ALL
    SELECT 'not needed', to_jsonb(t)::text FROM (SELECT id, refs FROM value EXCEPT TABLE needed) AS t
"""
"""The differences between the counts and value references and those recomputed from the facets. One statement, so one
snapshot.
"""


class World(ServiceWorld[Service]):
    """The helpers of analytics."""

    def article(
        self, article_id: str, version: int = 1, after_order: int = 0, **more: Any
    ) -> ArticlePublished:
        """An article as published by the ingester: from yesterday, 100 words."""
        at = self.clock.now() - timedelta(days=1)
        fields: dict[str, Any] = {
            "article_id": article_id,
            "published_at": at,
            "title": CANARY,
            "body": CANARY,
            "word_count": 100,
            "language": "en",
            "source": Source(key="s1", name="The Daily"),
            "topics": (Topic(name="Markets", group="Business"),),
            "licences": (Licence(name="Standard"),),
            "version": version,
            "after_order": after_order,
            "source_order": version,
            "retention_date": more.get("published_at", at),
            "received_at": self.clock.now(),
        }
        return ArticlePublished(**(fields | more))

    async def publish(self, *articles: ArticlePublished) -> None:
        """Processes articles as one batch."""
        await counting.on_articles(self.received(articles), self.service)

    async def order(self, *orders: AnyOrder) -> None:
        """Processes orders that compliance has confirmed, as one batch."""
        await on_orders(self.received(orders), self.service, confirmed=True)

    async def withhold(self, *article_ids: str) -> list[UUID]:
        """Processes undecodable orders on these articles. Returns the incidents."""
        bads = [
            Bad(Poison("null_value"), "analytics", "revocations.v1", event_id=str(uuid4()), subjects=(one,))
            for one in article_ids
        ]
        async with self.db.transaction() as tx:
            await on_unreadable_orders(tx, bads, self.service)
        return [bad.id for bad in bads]

    def sweep(self, data_class: str = "articles", **more: Any) -> SweepRequested:
        """A request to delete what is older than a year."""
        fields: dict[str, Any] = {
            "sweep_id": uuid4(),
            "data_class": data_class,
            "action": Action.DELETE,
            "owners": ("ingester", "analytics"),
            "before": self.ago(days=365),
            "requested_at": self.clock.now(),
            "requested_by": "test",
        }
        return SweepRequested(**(fields | more))

    async def counted(self, dimension: str = "topics") -> dict[str, int]:
        """The number of articles by value, from the rollups."""
        rows = await self.db.fetch(
            "SELECT text, sum(articles)::int AS articles FROM rollup AS r JOIN value AS v ON v.id = value_id"
            " WHERE r.dimension = $1 GROUP BY text",
            DIMENSIONS[dimension].id,
        )
        return {row["text"]: row["articles"] for row in rows}

    async def total(self) -> int:
        """The number of counted articles."""
        return int(
            await self.db.fetchval(
                "SELECT coalesce(sum(articles), 0) FROM rollup WHERE dimension = $1", TOTAL.id
            )
        )

    async def held(self, *article_ids: str) -> set[str]:
        """The ids that holdings reports as held."""
        answer = await answered(self.db, facets.held, HoldingsQuestion(article_ids=article_ids))
        return {one for one, holding in answer.items.items() if holding is Holding.HELD}

    async def words(self, *dimensions: str) -> set[str]:
        """The texts of the values of these dimensions; without any, of topics and sources."""
        ids = [DIMENSIONS[name].id for name in dimensions or ("topics", "sources")]
        rows = await self.db.fetch("SELECT text FROM value WHERE dimension = ANY ($1)", ids)
        return {row["text"] for row in rows}

    async def must_be_exact(self) -> None:
        """Asserts that the counts equal a recount from the facets, and that no unreferenced value is stored."""
        wrong = [tuple(row) for row in await self.db.fetch(WRONG)]
        assert wrong == []

    async def answers(self) -> list[tuple[str, int, str, str]]:
        """Returns the waiting receipts and marks them as sent: id, order, outcome for counts and for the quarantine."""
        receipts: list[ArticleRemoved] = await self.unsent(ArticleRemoved)
        await self.mark_sent()
        return [
            (one.article_id, one.order, *(removal.outcome.value for removal in one.removals))  # type: ignore[misc]
            for one in receipts
        ]


def message(event: Event, *, at: datetime) -> Message:
    """A message as sent by its publisher."""
    return Message.of(event, event_id("m", event.model_dump_json()), at=at, traceparent=None)
