"""The ingester, as far as compliance asks it: polls of feeds, and articles that must be held."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from uuid import UUID

import httpx
from pydantic import BaseModel

from clawback_common.http.client import Sibling
from clawback_contracts.envelope import ArticleId

_CHECK_S = 2.0


class Poll(BaseModel):
    """What one pass over a feed brought."""

    poll_id: UUID
    noticed: int
    caught_up: bool


class _Feed(BaseModel):
    name: str
    kind: str
    configured: bool = True


class _Feeds(BaseModel):
    items: list[_Feed]


class Listed(BaseModel):
    """An article that is there to be read."""

    article_id: ArticleId
    updated_at: datetime | None = None
    """None: the ingester does not say, so long ago."""


class _Counts(BaseModel):
    live: int = 0


class _Articles(BaseModel):
    items: list[Listed]


@dataclass(frozen=True, slots=True)
class Ingester:
    """Its API, behind one port."""

    api: Sibling
    poll_timeout_s: float

    async def revocation_feeds(self) -> list[str]:
        """The names of the feeds that list revocations.

        Raises:
            Transient: no answer, or one that cannot be read.
        """
        listed = await self.api.read(_Feeds, "GET", "/feeds")
        return [feed.name for feed in listed.items if feed.kind == "revoked" and feed.configured]

    async def poll(self, feed: str) -> Poll:
        """Drains a feed, or joins the pass that does; takes as long as the provider's pace makes it.

        Raises:
            Transient: the provider failed, or the ingester does not answer.
        """
        path = f"/feeds/{quote(feed)}/poll"
        response = await self.api.call("POST", path, timeout_s=self.poll_timeout_s)
        async with asyncio.timeout(self.poll_timeout_s):
            while response.status_code == httpx.codes.ACCEPTED and "location" in response.headers:
                await asyncio.sleep(_CHECK_S)
                response = await self.api.call("GET", response.headers["location"])
        return self.api.parsed(Poll, response)

    async def live(self, limit: int) -> list[Listed]:
        """Some articles that are there to be read, from anywhere among all of them.

        Raises:
            Transient: no answer, or one that cannot be read.
        """
        return (await self.api.read(_Articles, "GET", f"/articles/sample?limit={limit}")).items

    async def held(self) -> int:
        """How many articles there are to be read.

        Raises:
            Transient: no answer, or one that cannot be read.
        """
        return (await self.api.read(_Counts, "GET", "/admin/articles/stats")).live

    async def lists(self, article_id: str) -> bool:
        """Whether this article is there to be read.

        Raises:
            Transient: no answer that says so, or the opposite.
        """
        response = await self.api.send("GET", f"/articles/{quote(article_id)}")
        if response.status_code in {httpx.codes.NOT_FOUND, httpx.codes.GONE}:
            return False
        if response.status_code != httpx.codes.OK:
            raise self.api.refused("/articles", response)
        return True
