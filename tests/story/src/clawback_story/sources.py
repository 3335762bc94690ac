"""The sources of articles: the partner, the upstream system, and polls of the feeds."""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import orjson

from clawback_contracts import cloudevents
from clawback_contracts.article.v1 import ArticlePublished, ArticleSubmitted
from clawback_contracts.envelope import event_id
from clawback_local.parts import SUBMISSIONS
from clawback_story.texts import Written
from clawback_story.world import FEED, NO_KEY, PARTNER, REVOKED_FEED, Broken, World

WEBHOOK_ARTICLES = 20
ACCEPTED = 202


def signature(secret: str, webhook_id: str, stamp: int, body: bytes) -> str:
    """Computes a signature by Standard Webhooks, as the partner's library does."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.digest(key, f"{webhook_id}.{stamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(signed).decode()


async def webhook(
    world: World,
    body: bytes,
    *,
    webhook_id: str | None = None,
    stamp: int | None = None,
    signed: str | None = None,
    provider: str = PARTNER,
) -> httpx.Response:
    """Sends one webhook of the partner; arguments that are not given have valid values."""
    webhook_id = webhook_id or f"msg_{uuid4().hex}"
    stamp = int(time.time()) if stamp is None else stamp
    return await world.ingester.post(
        f"/webhooks/{provider}",
        content=body,
        auth=NO_KEY,
        headers={
            "webhook-id": webhook_id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": signed or signature(world.webhook_secret, webhook_id, stamp, body),
            "content-type": "application/json",
        },
    )


async def push(world: World, articles: Sequence[Written]) -> None:
    """Pushes articles as the partner, several per webhook.

    Raises:
        Broken: one was not accepted.
    """
    for start in range(0, len(articles), WEBHOOK_ARTICLES):
        some = articles[start : start + WEBHOOK_ARTICLES]
        answer = await webhook(world, orjson.dumps({"items": [one.body for one in some]}))
        _record_accepted(world, answer, some)


async def submit_http(world: World, articles: Sequence[Written]) -> None:
    """Submits articles as the upstream system over HTTP.

    Raises:
        Broken: one was not accepted.
    """
    answer = await world.ingester.post(
        "/submissions",
        content=orjson.dumps({"items": [one.body for one in articles]}),
        headers={**world.key("upstream"), "Idempotency-Key": uuid4().hex},
    )
    _record_accepted(world, answer, articles)


def _record_accepted(world: World, answer: httpx.Response, articles: Sequence[Written]) -> None:
    if answer.status_code != ACCEPTED or answer.json()["refused"]:
        raise Broken(f"valid articles were rejected with {answer.status_code}: {answer.text[:300]}")
    remember(world, articles)


def remember(world: World, articles: Sequence[Written]) -> None:
    """Records articles as acknowledged: from now on none may be missing."""
    for one in articles:
        world.written[one.article_id] = one
        world.history.acknowledged.add(one.article_id)


async def submit(world: World, articles: Sequence[Written]) -> None:
    """Publishes articles as the upstream system on its topic."""
    producer = await world.producer()
    sent = []
    for one in articles:
        event = ArticleSubmitted.model_validate(one.body)
        message = cloudevents.write(
            event, event_id("story", one.article_id, event.source_order), "upstream", datetime.now(UTC)
        )
        sent.append(await producer.send(**{**message, "topic": SUBMISSIONS}))
    await asyncio.gather(*sent)
    remember(world, articles)


async def publish_late(world: World, body: bytes) -> None:
    """Publishes a record of ``articles.v1`` again, as a replay of the topic would."""
    event = ArticlePublished.model_validate_json(body)
    producer = await world.producer()
    message = cloudevents.write(
        event,
        event_id("article", event.article_id, event.version, event.after_order),
        "/clawback/ingester",
        datetime.now(UTC),
    )
    await producer.send_and_wait(**{**message, "value": body})


async def poll(world: World, feed: str = FEED) -> httpx.Response:
    """Requests a poll of a feed, and waits until it is read to its end."""
    return await world.ingester.post(f"/feeds/{feed}/poll", headers=world.key("operator"))


async def poll_well(world: World, feed: str = FEED) -> Mapping[str, Any]:
    """Polls while the provider works.

    Raises:
        Broken: the feed was not read to its end.
    """
    answer = await poll(world, feed)
    result: Mapping[str, Any] = answer.json()
    if answer.status_code != httpx.codes.OK or not result["caught_up"]:
        raise Broken(f"the poll of {feed} ended with {answer.status_code}: {answer.text[:300]}")
    return result


async def feed_row(world: World, feed: str) -> Mapping[str, Any]:
    """Returns a feed as shown by the API."""
    listed = (await world.ingester.get("/feeds")).json()["items"]
    return next(row for row in listed if row["name"] == feed)


async def first_revocations_read(world: World) -> bool:
    """Nothing is published before every feed of revocations was read once."""
    return (await feed_row(world, REVOKED_FEED))["last_complete_at"] is not None
