"""Garbage over HTTP: webhooks and submissions."""

import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import httpx
import orjson

from clawback_story import sources
from clawback_story.history import Refusal
from clawback_story.texts import Written, write
from clawback_story.world import NO_KEY, PARTNER, UPSTREAM, World

OK, ACCEPTED, UNAUTHORISED, CONFLICT, TOO_LARGE, UNPROCESSABLE = 200, 202, 401, 409, 413, 422
CUT = 0
"""The connection was closed before the whole body was sent, which counts as rejected."""
BODY_BYTES = 10_000_001
DEPTH = 100_000
LATE_S = 600

Request = Callable[[], Awaitable[httpx.Response]]


class Sources:
    """Records the answers to garbage."""

    def __init__(self, world: World, source: str) -> None:
        self._world, self._source = world, source

    async def expect(self, what: str, send: Request, *expected: int) -> httpx.Response | None:
        """Sends a request and records the answer."""
        try:
            answer = await send()
        except httpx.TransportError:
            answer = None
        got = CUT if answer is None else answer.status_code
        self._world.history.refusals.append(Refusal(self._source, what, expected, got))
        return answer


def spoilt(world: World, article_id: str, **changes: object) -> bytes:
    """An article with an error; its text must not be found anywhere."""
    article = write(world.seed, article_id)
    world.spoilt_tokens |= article.tokens
    body = {name: value for name, value in {**article.body, **changes}.items() if value is not None}
    return orjson.dumps(body)


async def by_webhook(world: World, good: list[Written]) -> None:
    """Sends everything that the webhook endpoint must reject; valid articles of a mixed body must be accepted.

    Args:
        world: the running system.
        good: at least two new articles.
    """
    sources_ = Sources(world, "webhook")
    body = orjson.dumps(good[0].body)
    other = orjson.dumps(good[1].body)
    repeated = f"msg_{uuid4().hex}"
    bad_signature = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

    def hook(raw: bytes, **options: object) -> Request:
        return lambda: sources.webhook(world, raw, **options)  # type: ignore[arg-type]

    await sources_.expect("a bad signature", hook(body, signed=bad_signature), UNAUTHORISED)
    old = int(time.time()) - LATE_S
    await sources_.expect("a stamp ten minutes old", hook(body, stamp=old), UNAUTHORISED)
    await sources_.expect("an unknown provider", hook(body, provider="nobody"), UNAUTHORISED)
    await sources_.expect("a webhook", hook(body, webhook_id=repeated), ACCEPTED)
    await sources_.expect("the same once more", hook(body, webhook_id=repeated), OK)
    await sources_.expect("the same id with another body", hook(other, webhook_id=repeated), CONFLICT)
    sources.remember(world, good[:1])
    await _hostile(sources_, hook)
    missing = spoilt(world, f"{PARTNER}:{world.seed}-untitled", title=None)
    answer = await sources_.expect("a missing field", hook(missing), UNPROCESSABLE)
    _names_the_field(world, answer, "title")
    mixed = [*(orjson.dumps(one.body) for one in good[1:]), missing]
    answer = await sources_.expect(
        "one bad article among good ones", hook(b'{"items":[' + b",".join(mixed) + b"]}"), ACCEPTED
    )
    if answer is not None and [one["index"] for one in answer.json()["refused"]] == [len(mixed) - 1]:
        sources.remember(world, good[1:])


async def by_submission(world: World, good: list[Written]) -> None:
    """Sends everything that the submission endpoint must reject; valid articles of a mixed body must be accepted."""
    sources_ = Sources(world, "submissions over HTTP")
    upstream = world.key("upstream")

    def hand_in(raw: bytes, headers: dict[str, str] | None = None) -> Request:
        shown = upstream if headers is None else headers
        return lambda: world.ingester.post("/submissions", content=raw, headers=shown, auth=NO_KEY)

    body = orjson.dumps(good[0].body)
    await sources_.expect("no key", hand_in(body, {}), UNAUTHORISED)
    await sources_.expect("the key of another role", hand_in(body, world.key("holder")), 403)
    await _hostile(sources_, hand_in)
    foreign = spoilt(world, f"metabase:{world.seed}999999999")
    await sources_.expect("an id of another provider", hand_in(foreign), UNPROCESSABLE)
    huge = spoilt(world, f"{UPSTREAM}:{world.seed}-huge", body="x" * 1_000_000)
    await sources_.expect("an article over 900 KB", hand_in(huge), UNPROCESSABLE)
    bad_date = spoilt(world, f"{UPSTREAM}:{world.seed}-dateless", published_at="yesterday")
    answer = await sources_.expect("an invalid date", hand_in(bad_date), UNPROCESSABLE)
    _names_the_field(world, answer, "published_at")
    mixed = [bad_date, *(orjson.dumps(one.body) for one in good)]
    answer = await sources_.expect(
        f"one bad of {len(mixed)}", hand_in(b'{"items":[' + b",".join(mixed) + b"]}"), ACCEPTED
    )
    if answer is not None and [one["index"] for one in answer.json()["refused"]] == [0]:
        sources.remember(world, good)


async def _hostile(sources_: Sources, request: Callable[[bytes], Request]) -> None:
    """Bodies that attack the parser."""
    await sources_.expect("a body of 10 MB", request(b" " * BODY_BYTES), TOO_LARGE, CUT)
    await sources_.expect("a depth bomb", request(b"[" * DEPTH + b"]" * DEPTH), UNPROCESSABLE)
    await sources_.expect("a body that is not UTF-8", request(b'{"article_id": "\xff\xfe"}'), UNPROCESSABLE)
    await sources_.expect("a body that is not JSON", request(b"<article/>"), UNPROCESSABLE)


def _names_the_field(world: World, answer: httpx.Response | None, field: str) -> None:
    """The errors of the problem must name the field."""
    named = answer is not None and any(
        str(error.get("path", "")).endswith(field) for error in answer.json().get("errors", [])
    )
    world.history.refusals.append(Refusal("both", f"the answer names the field {field}", (1,), int(named)))
