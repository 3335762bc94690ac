"""An ingester without processes, with its environment: the provider, the orders and the outgoing events."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import orjson

from clawback_common.http.holdings import answered
from clawback_common.messaging.outbox.relay import Waiting
from clawback_contracts.article.v1 import ArticlePublished, ArticleSubmitted, Source
from clawback_contracts.holder.v1 import Holding, HoldingsQuestion
from clawback_contracts.revocation.folding import AnyOrder
from clawback_testing.world import ServiceWorld
from ingester.domain.feed import Origin
from ingester.gateways.providers.metabase.source import ArticlesSource, RevokedSource
from ingester.gateways.providers.metabase.values import Page, RateLimit, RevokedPage, Slice
from ingester.gateways.providers.port import Bad, Feed, Revoked
from ingester.settings import FeedKind, FeedSettings, Settings
from ingester.storage import contents
from ingester.use_cases import polling, storing
from ingester.use_cases.orders import on_orders
from ingester.use_cases.publishing import publish
from ingester.use_cases.service import Service

ORIGIN = Origin("http://provider.example/", "k")
ENTRY = {
    "sequenceId": "7",
    "id": "77",
    "title": "t",
    "content": "c",
    "publishedDate": "2026-02-28T10:00:00Z",
    "source": {"name": "n", "feed": {"id": "7"}},
}
"""A sound article of Metabase, id 77."""
CANARY = "zq-canary-7719"
"""Part of every text; its presence anywhere else is a leak."""


@dataclass(slots=True)
class World(ServiceWorld[Service]):
    """The service with helpers for tests."""

    def configure(self, *feeds: Feed) -> None:
        """Configures only these feeds."""
        self.service = replace(self.service, feeds={feed.name: feed for feed in feeds})

    def article(self, article_id: str, text: str = "text", **more: Any) -> ArticleSubmitted:
        """Returns an article that its source published yesterday."""
        fields: dict[str, Any] = {
            "article_id": article_id,
            "published_at": self.clock.now() - timedelta(days=1),
            "title": f"{text} {CANARY}",
            "body": CANARY,
            "source": Source(key="s"),
        }
        return ArticleSubmitted(**(fields | more))

    async def submit(self, *articles: ArticleSubmitted) -> None:
        """Delivers articles on the submission topic, in one batch."""
        await storing.on_submissions(self.received(articles), self.service)

    async def order(self, *orders: AnyOrder) -> None:
        """Delivers orders that compliance has confirmed, in one batch."""
        await on_orders(self.received(orders), self.service, confirmed=True)

    async def published(self) -> list[ArticlePublished]:
        """Returns the messages of the waiting references; they then count as sent."""
        rows: list[Waiting] = await self.db.fetch(
            "SELECT * FROM outbox_bulk WHERE sent_at IS NULL ORDER BY id"
        )
        messages = await publish(self.service, self.db, rows)
        await self.db.execute("UPDATE outbox_bulk SET sent_at = $1", self.clock.now())
        return [ArticlePublished.model_validate_json(message.value) for message in messages if message]

    async def state(self, article_id: str) -> str | None:
        """Returns the state of the identity row."""
        found: str | None = await self.db.fetchval(
            "SELECT state FROM article WHERE article_id = $1", article_id
        )
        return found

    async def text(self, article_id: str) -> str | None:
        """Returns the first word of the stored title, whatever the identity row contains; None: there is no content."""
        document = await self.db.fetchval(
            "SELECT document FROM article_content WHERE article_id = $1", article_id
        )
        return None if document is None else str(orjson.loads(document)["title"]).split()[0]

    async def held(self, *article_ids: str) -> set[str]:
        """Returns the ids that are held."""
        answer = await answered(self.db, contents.held, HoldingsQuestion(article_ids=article_ids))
        return {one for one, holding in answer.items.items() if holding is Holding.HELD}


@dataclass(slots=True)
class Script:
    """A provider with scripted responses, one page or error per call, and then empty pages."""

    responses: list[Any] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)
    polls: list[UUID] = field(default_factory=list)

    def connect(self, poll_id: UUID) -> "Script":
        """Returns a reader for one poll."""
        self.polls.append(poll_id)
        return self

    async def articles(self, cursor: str = "0", limit: int = 500, part: Slice | None = None) -> Page:
        """Returns a page of articles."""
        assert (limit > 0, part) == (True, None)
        response = await self._next(cursor)
        return response or Page((), (), None, 0)

    async def revoked(self, cursor: str = "0", limit: int = 10_000) -> RevokedPage:
        """Returns a page of revocations."""
        assert limit > 0
        response = await self._next(cursor)
        return response or RevokedPage((), (), None, 0)

    async def newest(self, part: Slice | None = None) -> Page:
        """Returns a page with the newest article."""
        return await self.articles("", part=part)

    async def rate_limits(self) -> tuple[RateLimit, ...]:
        """Returns rate limits that state nothing."""
        return ()

    async def _next(self, cursor: str) -> Any:
        self.cursors.append(cursor)
        response = self.responses.pop(0) if self.responses else None
        if callable(response):
            response = await response()
        if isinstance(response, Exception):
            raise response
        return response

    def feed(self, kind: FeedKind = "revoked", *, name: str | None = None, limit: int = 3) -> Feed:
        """Returns a feed of this provider."""
        return self.feed_of(FeedSettings(name=name or f"test-{kind}", kind=kind, limit=limit))

    def feed_of(self, settings: FeedSettings, origin: Origin = ORIGIN) -> Feed:
        """Returns a feed of this provider, which replaces Metabase's client, with these settings."""
        source = ArticlesSource if settings.kind == "articles" else RevokedSource
        return Feed(settings, source(settings, Settings(), origin, cast("Any", self.connect)))


def revoked_page(
    *ids: str, cursor: str | None = None, bad: Sequence[Bad] = (), **times: datetime
) -> RevokedPage:
    """Returns entries numbered by their id."""
    entries = tuple(Revoked(one, f"s{one}", times.get(f"at{one}")) for one in ids)
    return RevokedPage(entries, tuple(bad), cursor, len(entries) + len(bad))


def articles_page(*articles: ArticleSubmitted, cursor: str | None = None, bad: Sequence[Bad] = ()) -> Page:
    """Returns articles as a page."""
    return Page(tuple(articles), tuple(bad), cursor, len(articles) + len(bad))


__all__ = ["CANARY", "Script", "World", "articles_page", "polling", "revoked_page"]
