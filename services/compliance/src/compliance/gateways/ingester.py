"""The ingester, as far as compliance asks it: polls of feeds, and articles that must be held."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote
from uuid import UUID

import httpx
from pydantic import AnyHttpUrl, BaseModel, ValidationError

from clawback_common.errors import Stop, Transient
from clawback_common.telemetry import traceparent
from clawback_contracts.envelope import ArticleId

M = TypeVar("M", bound=BaseModel)
_TIMEOUT_S = 10.0
_LOOK_S = 2.0
_DETAIL_MAX = 300


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

    http: httpx.AsyncClient
    url: AnyHttpUrl
    key_file: Path | None
    poll_timeout_s: float

    async def revocation_feeds(self) -> list[str]:
        """The names of the feeds that list revocations.

        Raises:
            Transient: no answer, or one that cannot be read.
        """
        listed = _read(_Feeds, await self._call("GET", "/feeds"))
        return [feed.name for feed in listed.items if feed.kind == "revoked" and feed.configured]

    async def poll(self, feed: str) -> Poll:
        """Drains a feed, or joins the pass that does; takes as long as the provider's pace makes it.

        Raises:
            Transient: the provider failed, or the ingester does not answer.
        """
        response = await self._call("POST", f"/feeds/{quote(feed)}/poll", timeout_s=self.poll_timeout_s)
        async with asyncio.timeout(self.poll_timeout_s):
            while response.status_code == httpx.codes.ACCEPTED and "location" in response.headers:
                await asyncio.sleep(_LOOK_S)
                response = await self._call("GET", response.headers["location"])
        return _read(Poll, response)

    async def live(self, limit: int) -> list[Listed]:
        """Some articles that are there to be read, from anywhere among all of them.

        Raises:
            Transient: no answer, or one that cannot be read.
        """
        listed = await self._call("GET", f"/articles/sample?limit={limit}")
        return _read(_Articles, listed).items

    async def held(self) -> int:
        """How many articles there are to be read.

        Raises:
            Transient: no answer, or one that cannot be read.
        """
        counted = await self._call("GET", "/admin/articles/stats")
        return _read(_Counts, counted).live

    async def lists(self, article_id: str) -> bool:
        """Whether this article is there to be read.

        Raises:
            Transient: no answer that says so, or the opposite.
        """
        response = await self._send("GET", f"/articles/{quote(article_id)}", _TIMEOUT_S)
        if response.status_code in {httpx.codes.NOT_FOUND, httpx.codes.GONE}:
            return False
        if response.status_code != httpx.codes.OK:
            raise Transient(f"the ingester answers for an article with {_problem(response)}")
        return True

    async def _call(self, method: str, path: str, *, timeout_s: float = _TIMEOUT_S) -> httpx.Response:
        response = await self._send(method, path, timeout_s)
        if not response.is_success:
            raise Transient(f"the ingester answers {path.partition('?')[0]} with {_problem(response)}")
        return response

    async def _send(self, method: str, path: str, timeout_s: float) -> httpx.Response:
        base = str(self.url).rstrip("/")
        address = f"{base}{path}" if path.startswith("/api/") else f"{base}/api/v1{path}"
        try:
            return await self.http.request(
                method, address, headers=self._headers(), timeout=httpx.Timeout(timeout_s, connect=5.0)
            )
        except httpx.HTTPError as error:
            raise Transient(f"the ingester does not answer ({type(error).__name__})") from None

    def _headers(self) -> Mapping[str, str]:
        headers = {}
        if self.key_file is not None:
            try:
                headers["Authorization"] = f"Bearer {self.key_file.read_text(encoding='utf-8').strip()}"
            except OSError:
                raise Stop(f"INGESTER_API_KEY_FILE {self.key_file} cannot be read") from None
        trace = traceparent()
        return {**headers, "traceparent": trace} if trace else headers


def _read(model: type[M], response: httpx.Response) -> M:
    try:
        return model.model_validate_json(response.content)
    except ValidationError:
        raise Transient("the ingester answers unreadably") from None


def _problem(response: httpx.Response) -> str:
    """Status and the problem's own words, which carry no content."""
    try:
        detail = str(response.json().get("detail", ""))[:_DETAIL_MAX]
    except (ValueError, AttributeError):
        detail = ""
    return f"{response.status_code}: {detail}" if detail else str(response.status_code)
