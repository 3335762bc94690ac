"""What really happened, by id: what a checker compares every store with."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from clawback_simulator.article import Article
from clawback_simulator.clock import iso
from clawback_simulator.ledger import Calls, Consumer, ConsumerKey
from clawback_simulator.simulator import Simulator

Delivered = dict[str, Any]
EXTRAS = ("served", "canaries", "facets")
"""What is told only when it is asked for."""


class ArticleTruth(BaseModel):
    """An article: reserved, or published under these numbers with these versions, a delivery each."""

    model_config = ConfigDict(frozen=True)

    id: str
    state: Literal["published", "reserved"]
    version: int
    sequence_ids: list[str]
    versions: list[int]
    corrupt: str | None
    has_body: bool
    dated: str
    """About what its date of publication says, to half a day; "" when it is reserved."""
    embargo_date: str
    license_end_date: str
    content_license_end_date: str


class FacetsTruth(BaseModel):
    """By what an article can be counted, as its last delivery says it."""

    model_config = ConfigDict(frozen=True)

    published: str
    """ISO 8601."""
    language_code: str
    feed_id: str
    """Of its source: the steadiest key there is."""
    topics: list[str]
    licenses: list[str]


class RevocationTruth(BaseModel):
    """An entry of the log; times are ISO 8601, `provider_at` only where the provider gave one."""

    model_config = ConfigDict(frozen=True)

    id: str
    sequence: str
    said_at: str
    provider_at: str | None


class RedeliveryTruth(BaseModel):
    """A revoked article that came again."""

    model_config = ConfigDict(frozen=True)

    id: str
    sequence_id: str
    version: int
    text: str


class UpdateTruth(BaseModel):
    """An article that came again with a new text."""

    model_config = ConfigDict(frozen=True)

    id: str
    sequence_id: str
    version: int


class ConsumerTruth(BaseModel):
    """A reader and how far it got; `served` counts entries in sound answers."""

    model_config = ConfigDict(frozen=True)

    key: str
    endpoint: str
    slice: str
    calls: int
    last_cursor: str | None
    next_cursor: str | None
    caught_up: bool
    served: int


class CallsTruth(BaseModel):
    """An endpoint's calls."""

    model_config = ConfigDict(frozen=True)

    total: int
    ok: int
    paused: int
    hasty: int
    """Calls that came before a Retry-After was over, whatever the endpoint that it was given at."""
    failures: dict[str, int]
    injected: dict[str, int]
    at: list[tuple[float, str]]
    """When each came, in Unix seconds by the provider's clock, and its cursor, "" for none."""


class Truth(BaseModel):
    """The whole answer of `GET /control/truth`."""

    model_config = ConfigDict(frozen=True)

    seed: int
    now: str
    settings: dict[str, Any]
    articles: list[ArticleTruth]
    revocations: list[RevocationTruth]
    revoked: list[str]
    unknown: list[str]
    repeated: list[str]
    redelivered: list[RedeliveryTruth]
    updated: list[UpdateTruth]
    consumers: list[ConsumerTruth]
    calls: dict[str, CallsTruth]
    pending_failures: list[dict[str, Any]]
    served: dict[str, dict[str, dict[str, list[str]]]] | None = None
    canaries: dict[str, dict[int, dict[str, str]]] | None = None
    facets: dict[str, FacetsTruth] | None = None

    @property
    def gone_ids(self) -> set[str]:
        """Revoked, those never delivered included."""
        return set(self.revoked)

    @property
    def published_ids(self) -> set[str]:
        """Published, revoked or spoilt ones included."""
        return {article.id for article in self.articles if article.state == "published"}

    @property
    def live_ids(self) -> set[str]:
        """Published, sound and not revoked."""
        sound = {one.id for one in self.articles if one.state == "published" and one.corrupt in HARMLESS}
        return sound - self.gone_ids

    def tokens(self, ids: set[str] | None = None) -> dict[str, str]:
        """Every canary with its article's id, of these articles or of all; asked for with `canaries=True`."""
        return {
            token: one
            for one, versions in (self.canaries or {}).items()
            if ids is None or one in ids
            for places in versions.values()
            for token in places.values()
        }


HARMLESS = frozenset({None, "numbers", "unknown_elements", "bad_date"})
"""Corruptions that a tolerant reader takes the article with."""


def tell(simulator: Simulator, *, served: bool, canaries: bool, facets: bool) -> Delivered:
    """The truth as plain values, ready for JSON; its shape is `Truth`."""
    world = simulator.world
    told: Delivered = {
        "seed": simulator.seed,
        "now": iso(simulator.clock.timestamp()),
        "settings": simulator.settings.model_dump(),
        "articles": [_article(simulator, one) for one in world.by_id.values()],
        "revocations": [
            {
                "id": entry.article_id,
                "sequence": str(entry.sequence),
                "said_at": iso(entry.said_at),
                "provider_at": None if entry.provider_at is None else iso(entry.provider_at),
            }
            for entry in world.revocations
        ],
        "revoked": list(world.revoked),
        "unknown": list(world.unknown),
        "repeated": [entry.article_id for entry in world.revocations if entry.repeat],
        "redelivered": [
            {**_delivery(simulator, again.delivery.sequence_id), "text": again.text}
            for again in world.redelivered
        ],
        "updated": [_delivery(simulator, delivery.sequence_id) for delivery in world.updated],
        "consumers": [_consumer(who, consumer) for who, consumer in simulator.ledger.consumers.items()],
        "calls": {name: _calls(calls) for name, calls in simulator.ledger.calls.items()},
        "pending_failures": simulator.faults.pending(),
    }
    if served:
        told["served"] = _served(simulator)
    if canaries:
        told["canaries"] = _canaries(simulator)
    if facets:
        told["facets"] = {
            one: simulator.facets(article.deliveries[-1])
            for one, article in world.by_id.items()
            if article.deliveries and article.corrupt != "bare"
        }
    return told


def _canaries(simulator: Simulator) -> Delivered:
    """By article and version, the words that stand in its text and nowhere else."""
    return {
        one: {
            str(version): article.canaries(simulator.seed, version)
            for version in range(1, article.version + 1)
        }
        for one, article in simulator.world.by_id.items()
        if article.version
    }


def _article(simulator: Simulator, article: Article) -> Delivered:
    feed, recipe = simulator.world.feed, article.recipe
    return {
        "id": str(article.id),
        "state": "published" if article.deliveries else "reserved",
        "version": article.version,
        "sequence_ids": [str(feed[at].sequence_id) for at in article.deliveries],
        "versions": [feed[at].version for at in article.deliveries],
        "corrupt": article.corrupt,
        "has_body": article.has_body,
        "dated": article.dated(-article.ago_s),
        "embargo_date": article.dated(recipe.embargo_s),
        "license_end_date": article.dated(recipe.license_end_s),
        "content_license_end_date": article.dated(recipe.content_license_end_s),
    }


def _delivery(simulator: Simulator, sequence_id: int) -> Delivered:
    delivery = simulator.world.feed[simulator.world.after(sequence_id) - 1]
    return {"id": str(delivery.article.id), "sequence_id": str(sequence_id), "version": delivery.version}


def _consumer(who: ConsumerKey, consumer: Consumer) -> Delivered:
    key, endpoint, part = who
    return {
        "key": key,
        "endpoint": endpoint,
        "slice": part,
        "calls": consumer.calls,
        "last_cursor": consumer.last_cursor,
        "next_cursor": consumer.next_cursor,
        "caught_up": consumer.caught_up,
        "served": consumer.count,
    }


def _calls(calls: Calls) -> Delivered:
    return {
        "total": calls.total,
        "ok": calls.ok,
        "paused": calls.paused,
        "hasty": calls.hasty,
        "failures": dict(calls.failures),
        "injected": dict(calls.injected),
        "at": calls.at,
    }


def _served(simulator: Simulator) -> dict[str, dict[str, dict[str, list[str]]]]:
    """Key, endpoint, id: the numbers it was given out under, as often as it was."""
    world = simulator.world
    told: dict[str, dict[str, dict[str, list[str]]]] = {}
    for (key, endpoint, _), consumer in simulator.ledger.consumers.items():
        by_id = told.setdefault(key, {}).setdefault(endpoint, {})
        for page in consumer.served:
            for at in page:
                if endpoint == "revokedArticles":
                    one, number = world.revocations[at].article_id, world.revocations[at].sequence
                else:
                    one, number = str(world.feed[at].article.id), world.feed[at].sequence_id
                by_id.setdefault(one, []).append(str(number))
    return told
