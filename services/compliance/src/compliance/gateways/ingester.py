"""The client for the ingester's API: polls of feeds, and articles that must be held."""

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
    """The result of one poll of a feed."""

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
    """A readable article."""

    article_id: ArticleId
    updated_at: datetime | None = None
    """None: the ingester reports no time, because the update was long ago."""


class _Counts(BaseModel):
    live: int = 0


class _Articles(BaseModel):
    items: list[Listed]


@dataclass(frozen=True, slots=True)
class Ingester:
    """The ingester's API."""

    api: Sibling
    poll_timeout_s: float

    async def revocation_feeds(self) -> list[str]:
        """Returns the names of the feeds of revocations.

        Raises:
            Transient: There is no response, or an unreadable one.
        """
        listed = await self.api.read(_Feeds, "GET", "/feeds")
        return [feed.name for feed in listed.items if feed.kind == "revoked" and feed.configured]

    async def poll(self, feed: str) -> Poll:
        """Polls a feed to its end, or joins a running poll; the provider's rate limit decides how long this takes.

        Raises:
            Transient: The provider failed, or the ingester does not respond.
        """
        path = f"/feeds/{quote(feed)}/poll"
        response = await self.api.call("POST", path, timeout_s=self.poll_timeout_s)
        async with asyncio.timeout(self.poll_timeout_s):
            while response.status_code == httpx.codes.ACCEPTED and "location" in response.headers:
                await asyncio.sleep(_CHECK_S)
                response = await self.api.call("GET", response.headers["location"])
        return self.api.parsed(Poll, response)

    async def live(self, limit: int) -> list[Listed]:
        """Returns a random sample of readable articles.

        Raises:
            Transient: There is no response, or an unreadable one.
        """
        return (await self.api.read(_Articles, "GET", f"/articles/sample?limit={limit}")).items

    async def held(self) -> int:
        """Returns the number of readable articles.

        Raises:
            Transient: There is no response, or an unreadable one.
        """
        return (await self.api.read(_Counts, "GET", "/admin/articles/stats")).live

    async def lists(self, article_id: str) -> bool:
        """Returns whether this article is readable.

        Raises:
            Transient: The response says neither.
        """
        response = await self.api.send("GET", f"/articles/{quote(article_id)}")
        if response.status_code in {httpx.codes.NOT_FOUND, httpx.codes.GONE}:
            return False
        if response.status_code != httpx.codes.OK:
            raise self.api.refused("/articles", response)
        return True
