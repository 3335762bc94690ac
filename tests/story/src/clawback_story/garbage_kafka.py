"""Garbage on the topics: records that no client of ours would publish, mixed with valid ones."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from clawback_contracts import cloudevents
from clawback_contracts.alert.v1 import AlertRaised
from clawback_contracts.article.v1 import ArticlePublished, ArticleSubmitted
from clawback_contracts.envelope import Event
from clawback_contracts.revocation.v1 import ArticleRemoved, ArticleRevoked, RevocationNoticed
from clawback_contracts.run.v1 import RunCompleted
from clawback_contracts.sweep.v1 import SweepCompleted, SweepRequested
from clawback_local.config import DATABASES
from clawback_local.parts import SUBMISSIONS
from clawback_story import sources
from clawback_story.garbage_http import spoilt
from clawback_story.history import BadRecord
from clawback_story.texts import Written
from clawback_story.world import UPSTREAM, World

Headers = list[tuple[str, bytes]]
HUGE_BYTES = {True: 1_800_000, False: 1_000_000}
"""The maximum record size: 2 MB for content topics, 1 MB for the others."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A topic, and the services that must each quarantine its garbage."""

    event: type[Event]
    services: tuple[str, ...]
    incident: bool = False

    @property
    def topic(self) -> str:
        """The name of the topic."""
        return SUBMISSIONS if self.event is ArticleSubmitted else self.event.TOPIC


LANES = (
    Lane(ArticleSubmitted, ("ingester",)),
    Lane(ArticleRevoked, ("ingester", "analytics"), incident=True),
    Lane(RevocationNoticed, ("compliance",), incident=True),
    Lane(ArticleRemoved, ("compliance",), incident=True),
    Lane(ArticlePublished, ("analytics",)),
    Lane(RunCompleted, ("alerting", "analytics")),
    Lane(AlertRaised, ("alerting",)),
    Lane(SweepRequested, DATABASES),
    Lane(SweepCompleted, ("retention",)),
)
WITH_TEXTS = (ArticleSubmitted, ArticlePublished)


@dataclass(frozen=True, slots=True)
class Garbage:
    """One record."""

    what: str
    key: bytes | None
    value: bytes | None
    headers: Headers


def headers(event: type[Event], **changes: bytes) -> Headers:
    """Valid CloudEvents headers of an event, with changes."""
    sound = dict(cloudevents.headers(uuid4(), "garbage", event.TYPE, "garbage", b"", datetime.now(UTC)))
    return list((sound | changes).items())


def pieces(world: World, lane: Lane, withheld: str | None) -> list[Garbage]:
    """Returns one record of each kind.

    Args:
        world: the running system.
        lane: the topic.
        withheld: the article that the key of one record names.
    """
    event = lane.event
    name = f"{UPSTREAM}:{world.seed}-garbage-{lane.topic.partition('.')[0]}"
    text = spoilt(world, name)
    key = name.encode()
    named = withheld.encode() if withheld else key
    later = event.TYPE.removesuffix(".v1").encode() + b".v9"
    return [
        Garbage("a null value", key, None, headers(event)),
        Garbage("not JSON", named, b"{" + text, headers(event)),
        Garbage("a body without its fields", key, b'{"text":' + text + b"}", headers(event)),
        Garbage("an unknown type", key, text, headers(event, ce_type=b"weather.changed.v1")),
        Garbage("an unknown major version", key, text, headers(event, ce_type=later)),
        Garbage("no headers", key, text, []),
        Garbage("a header that is not UTF-8", key, text, headers(event, ce_id=b"\xff\xfe\xff")),
        Garbage("a key that is not UTF-8", b"\xff\xfe", text, headers(event)),
        Garbage(
            "a huge value",
            key,
            b'{"x":"' + b"x" * HUGE_BYTES[event in WITH_TEXTS] + b'"}',
            headers(event),
        ),
    ]


async def on_topics(world: World, good: Sequence[Written], withheld: Sequence[str]) -> None:
    """Publishes every kind of garbage on every consumed topic, with valid submissions before, between and after it.

    Args:
        world: the running system.
        good: submissions that must be processed.
        withheld: live articles that undecodable orders name, so that they are withheld until the incident is closed.
    """
    producer = await world.producer()
    half = len(good) // 2
    await sources.submit(world, good[:half])
    waiting = []
    for lane in LANES:
        named = withheld[0] if lane.event is ArticleRevoked and withheld else None
        for piece in pieces(world, lane, named):
            sent = await producer.send(lane.topic, piece.value, piece.key, headers=piece.headers)
            waiting.append((lane, piece, sent))
    await asyncio.gather(*(sent for _, _, sent in waiting))
    for lane, piece, sent in waiting:
        place = sent.result()
        world.history.own_records.add((place.topic, place.partition, place.offset))
        world.history.bad_records += [
            BadRecord(service, place.topic, place.partition, place.offset, piece.what, lane.incident)
            for service in lane.services
        ]
    await sources.submit(world, good[half:])
