"""A second provider: RSS 2.0 and Atom feeds under ``/rss/<name>``, with their own control path.

``POST /rss/<name>/control`` takes one action or a list; each returns what it affected. A feed is created, empty, when
it is first named; its format is Atom unless changed, and it uses the simulator's clock.

- ``{"action": "publish", "count": 3}``: new entries; answers ``ids``, their ids in the feed.
- ``{"action": "publish", "raw": "<item/>"}``: an entry with exactly this content.
- ``{"action": "update", "ids": […]}``: the same ids with other texts and a later time.
- ``{"action": "delete", "ids": […]}``: they are removed, each with an ``at:deleted-entry``.
- ``{"action": "set", "rules": {"window": 5}}``: sets `Rules`, until they are set again.
- ``{"action": "fail", "mode": "html", "times": 2}``: the next answers fail this way.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import blake2b
from typing import Annotated, Any, Literal
from xml.sax.saxutils import escape, quoteattr

import httpx
import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from clawback_simulator.clock import SimulatedClock

Mode = Literal[
    "truncated", "html", "error", "rate_limited", "gone", "redirect", "drip", "entity_bomb", "empty"
]
"""The possible failures of an answer."""
HTML = (
    b"<!DOCTYPE html>\n<html><head><title>Maintenance</title></head><body><p>Back soon.<br></body></html>\n"
)
BOMB = (
    b'<?xml version="1.0"?>\n<!DOCTYPE feed [<!ENTITY a0 "boom">'
    + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10))
    + b']>\n<feed xmlns="http://www.w3.org/2005/Atom"><title>&a9;</title></feed>'
)
DRIP_S = 0.05


class Rules(BaseModel):
    """How a feed is served while nothing fails."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["atom", "rss"] = "atom"
    window: int = Field(default=20, ge=0, description="entries that the document holds, the newest first")
    etag: bool = Field(default=True, description="whether it has an ETag, and answers 304")
    last_modified: bool = Field(default=True, description="whether it has a Last-Modified")
    authorization: str | None = Field(default=None, description="the header without which the answer is 401")


class _Action(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Publish(_Action):
    """Publishes entries."""

    action: Literal["publish"]
    count: int = Field(1, ge=0, le=10_000)
    raw: str | None = None


class Change(_Action):
    """Changes existing entries."""

    action: Literal["update", "delete"]
    ids: tuple[str, ...]


class Set(_Action):
    """Sets the rules."""

    action: Literal["set"]
    rules: dict[str, Any]


class Fail(_Action):
    """Makes the next answers fail."""

    action: Literal["fail"]
    mode: Mode
    times: int = Field(1, ge=1)
    retry_after_s: int | None = None


ACTIONS: TypeAdapter[list[Publish | Change | Set | Fail]] = TypeAdapter(
    list[Annotated[Publish | Change | Set | Fail, Field(discriminator="action")]]
)


@dataclass(frozen=True, slots=True)
class Entry:
    """The last published state of an entry, or deleted."""

    id: str
    number: int
    version: int
    published: float
    updated: float
    deleted: bool = False
    raw: str | None = None


@dataclass(slots=True)
class Feed:
    """One feed: its entries, latest first, and its queued failures."""

    name: str
    clock: SimulatedClock
    rules: Rules = field(default_factory=Rules)
    entries: list[Entry] = field(default_factory=list)
    failing: list[Fail] = field(default_factory=list)
    served: list[int] = field(default_factory=list)
    """The status of every answer."""
    _numbers: int = 0
    _changed: float = 0.0

    def perform(self, action: Publish | Change | Set | Fail) -> dict[str, Any]:
        """Runs an action."""
        match action:
            case Publish():
                return {"ids": [self._publish(action.raw) for _ in range(action.count)]}
            case Change():
                return {"ids": [self._change(one, deleted=action.action == "delete") for one in action.ids]}
            case Set():
                self.rules = Rules.model_validate({**self.rules.model_dump(), **action.rules})
                return self.rules.model_dump()
            case Fail():
                self.failing += [action] * action.times
                return {"waiting": len(self.failing)}

    def _publish(self, raw: str | None) -> str:
        self._numbers += 1
        at, found = self._now(), f"tag:{self.name}.example,2026:{self._numbers}"
        self.entries.insert(0, Entry(found, self._numbers, 1, at, at, raw=raw))
        return found

    def _change(self, entry_id: str, *, deleted: bool) -> str:
        old = next(one for one in self.entries if one.id == entry_id)
        self.entries.remove(old)
        changed = Entry(old.id, old.number, old.version + 1, old.published, self._now(), deleted)
        self.entries.insert(0, changed)
        return entry_id

    def _now(self) -> float:
        """Returns the clock's time in seconds, the precision of feeds; no two changes have the same."""
        self._changed = max(self._changed + 1, float(int(self.clock.timestamp())))
        return self._changed

    def document(self) -> bytes:
        """Returns the current document."""
        shown = self.entries[: self.rules.window]
        if self.rules.format == "rss":
            inner = "".join(one.raw or _item(one) for one in shown)
            return f'{HEAD}<rss version="2.0" {SPACES}><channel>{RSS_TOP}{inner}</channel></rss>'.encode()
        inner = "".join(one.raw or _entry(one) for one in shown)
        return f'{HEAD}<feed xmlns="http://www.w3.org/2005/Atom" {SPACES}>{ATOM_TOP}{inner}</feed>'.encode()


HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
SPACES = (
    'xmlns:at="http://purl.org/atompub/tombstones/1.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:a="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/" xml:lang="en"'
)
RSS_TOP = "<title>News</title><link>https://news.example/</link><description>All of it</description>"
ATOM_TOP = "<title>News</title><id>tag:news.example,2026:feed</id><updated>2026-01-01T00:00:00Z</updated>"


def text_of(entry_number: int, version: int, place: str) -> str:
    """Returns the text of one place of a version, which occurs nowhere else."""
    return f"{place}-{blake2b(f'{entry_number}:{version}:{place}'.encode(), digest_size=6).hexdigest()}"


def _deleted(one: Entry) -> str:
    return f"<at:deleted-entry ref={quoteattr(one.id)} when={quoteattr(_iso(one.updated))}/>"


def _entry(one: Entry) -> str:
    if one.deleted:
        return _deleted(one)
    title, summary, body = (text_of(one.number, one.version, each) for each in ("title", "summary", "body"))
    return (
        f"<entry><id>{escape(one.id)}</id><title>{title}</title><summary>{summary}</summary>"
        f'<content type="html">&lt;p&gt;{body}&lt;/p&gt;</content><author><name>Ann</name></author>'
        f'<link href="https://news.example/{one.number}"/><category term="markets"/>'
        f"<published>{_iso(one.published)}</published><updated>{_iso(one.updated)}</updated></entry>"
    )


def _item(one: Entry) -> str:
    if one.deleted:
        return _deleted(one)
    title, summary, body = (text_of(one.number, one.version, each) for each in ("title", "summary", "body"))
    return (
        f'<item><guid isPermaLink="false">{escape(one.id)}</guid><title>{title}</title>'
        f"<description>{summary}</description><content:encoded><![CDATA[<p>{body}</p>]]></content:encoded>"
        f"<dc:creator>Ann</dc:creator><link>https://news.example/{one.number}</link><category>markets</category>"
        f"<pubDate>{_mail(one.published)}</pubDate><a:updated>{_iso(one.updated)}</a:updated></item>"
    )


def _iso(timestamp: float) -> str:
    return _at(timestamp).strftime("%Y-%m-%dT%H:%M:%SZ")


def _mail(timestamp: float) -> str:
    return format_datetime(_at(timestamp), usegmt=True)


def _at(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


class Feeds:
    """All feeds, by name; each is created when it is first named."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._by_name: dict[str, Feed] = {}

    def named(self, name: str) -> Feed:
        """Returns the feed of this name."""
        return self._by_name.setdefault(name, Feed(name, self._clock))

    async def serve(self, request: Request) -> Response:
        """Returns the document, or a failure."""
        feed = self.named(request.path_params["name"])
        answer = _answer(feed, request)
        feed.served.append(answer.status_code)
        return answer

    async def control(self, request: Request) -> Response:
        """Runs actions."""
        feed = self.named(request.path_params["name"])
        try:
            body = orjson.loads(await request.body())
            actions = ACTIONS.validate_python(body if isinstance(body, list) else [body])
            done = [feed.perform(action) for action in actions]
        except (orjson.JSONDecodeError, ValidationError, StopIteration) as error:
            return Response(orjson.dumps({"error": type(error).__name__}), 422)
        return Response(orjson.dumps({"done": done, "served": feed.served}), media_type="application/json")


def routes(feeds: Callable[[], Feeds]) -> list[Route]:
    """Returns the routes. The feeds are looked up at each request, because a reset replaces them."""

    async def serve(request: Request) -> Response:
        return await feeds().serve(request)

    async def control(request: Request) -> Response:
        return await feeds().control(request)

    return [Route("/rss/{name}", serve), Route("/rss/{name}/control", control, methods=["POST"])]


def _answer(feed: Feed, request: Request) -> Response:
    rules = feed.rules
    if rules.authorization is not None and request.headers.get("authorization") != rules.authorization:
        return Response(status_code=401)
    body, media = feed.document(), f"application/{rules.format}+xml"
    if feed.failing:
        return _failure(feed.failing.pop(0), body, media)
    headers = _validators(feed, body)
    if _is_known(request, headers):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media)


def _is_known(request: Request, validators: dict[str, str]) -> bool:
    """Whether the caller has this state; a time is ignored if it sends an ETag."""
    name, sent = "ETag", request.headers.get("if-none-match")
    if sent is None:
        name, sent = "Last-Modified", request.headers.get("if-modified-since")
    return sent is not None and sent == validators.get(name)


def _validators(feed: Feed, body: bytes) -> dict[str, str]:
    headers = {}
    if feed.rules.etag:
        headers["ETag"] = f'"{blake2b(body, digest_size=8).hexdigest()}"'
    if feed.rules.last_modified and feed.entries:
        headers["Last-Modified"] = _mail(feed.entries[0].updated)
    return headers


def _failure(fail: Fail, body: bytes, media: str) -> Response:  # noqa: PLR0911  one per case
    rest = {} if fail.retry_after_s is None else {"Retry-After": str(fail.retry_after_s)}
    match fail.mode:
        case "truncated":
            return Response(body[: len(body) * 2 // 3], media_type=media)
        case "html":
            return Response(HTML, media_type="text/html")
        case "error":
            return Response(b"Internal trouble", 500, rest, "text/plain")
        case "rate_limited":
            return Response(b"Too Many Requests", 429, rest, "text/plain")
        case "gone":
            return Response(status_code=410)
        case "redirect":
            return Response(status_code=302, headers={"Location": "http://elsewhere.example/feed.xml"})
        case "drip":
            return StreamingResponse(_drip(body), media_type=media)
        case "entity_bomb":
            return Response(BOMB, media_type=media)
        case "empty":
            return Response(b"", media_type=media)


async def _drip(body: bytes) -> AsyncIterator[bytes]:
    for at in range(len(body)):
        yield body[at : at + 1]
        await asyncio.sleep(DRIP_S)


class FeedControl:
    """The control of one feed, for tests."""

    def __init__(self, http: httpx.AsyncClient, name: str) -> None:
        self._http, self._path = http, f"/rss/{name}/control"

    async def publish(self, count: int = 1, raw: str | None = None) -> list[str]:
        """Publishes entries; returns their ids in the feed."""
        return list((await self._do(action="publish", count=count, raw=raw))["ids"])

    async def update(self, *ids: str) -> None:
        """Publishes them again, with other texts."""
        await self._do(action="update", ids=ids)

    async def delete(self, *ids: str) -> None:
        """Deletes them."""
        await self._do(action="delete", ids=ids)

    async def set(self, **rules: Any) -> None:
        """Changes the rules."""
        await self._do(action="set", rules=rules)

    async def fail(self, mode: Mode, **more: Any) -> None:
        """Makes the next answers fail."""
        await self._do(action="fail", mode=mode, **more)

    async def served(self) -> list[int]:
        """Returns the status of every answer so far."""
        answer = await self._http.post(self._path, content=b"[]")
        return list(orjson.loads(answer.content)["served"])

    async def _do(self, **action: Any) -> dict[str, Any]:
        answer = await self._http.post(self._path, content=orjson.dumps(action))
        answer.raise_for_status()
        done: dict[str, Any] = orjson.loads(answer.content)["done"][0]
        return done
