"""The truth by id: what the provider really published and revoked. Checkers compare every store with it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from clawback_simulator.article import Article
from clawback_simulator.clock import iso
from clawback_simulator.ledger import Calls, Consumer, ConsumerKey
from clawback_simulator.simulator import Simulator

Delivered = dict[str, Any]
EXTRAS = ("served", "canaries", "facets")
"""Included only on request."""


class ArticleTruth(BaseModel):
    """An article: reserved, or published with these numbers and versions, one per delivery."""

    model_config = ConfigDict(frozen=True)

    id: str
    state: Literal["published", "reserved"]
    version: int
    sequence_ids: list[str]
    versions: list[int]
    corrupt: str | None
    has_body: bool
    dated: str
    """Its date of publication, to half a day; "" when it is reserved."""
    embargo_date: str
    license_end_date: str
    content_license_end_date: str


class FacetsTruth(BaseModel):
    """What an article can be counted by, from its last delivery."""

    model_config = ConfigDict(frozen=True)

    published: str
    """ISO 8601."""
    language_code: str
    feed_id: str
    """The id of its source: the most stable key there is."""
    topics: list[str]
    licenses: list[str]
    author: str
    """"" if there is none."""
    companies: list[str]
    """Names, each once."""
    countries: list[str]
    """ISO 3166-1 codes of the places that it is about, each once."""
    entities: list[str]
    """Types and values, joined by a colon, each once."""
    tags: list[str]
    sentiment: str
    """A number; "" if there is none."""


class RevocationTruth(BaseModel):
    """An entry of the log; times are ISO 8601, `provider_at` only if the provider included one."""

    model_config = ConfigDict(frozen=True)

    id: str
    sequence: str
    announced_at: str
    provider_at: str | None


class RedeliveryTruth(BaseModel):
    """A revoked article that was delivered again."""

    model_config = ConfigDict(frozen=True)

    id: str
    sequence_id: str
    version: int
    text: str


class UpdateTruth(BaseModel):
    """An article that was delivered again with a new text."""

    model_config = ConfigDict(frozen=True)

    id: str
    sequence_id: str
    version: int


class ConsumerTruth(BaseModel):
    """A reader and its position; `served` counts entries in successful answers."""

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
    """Calls before the end of a Retry-After, regardless of the endpoint that sent it."""
    failures: dict[str, int]
    injected: dict[str, int]
    at: list[tuple[float, str]]
    """When each arrived, in Unix seconds by the provider's clock, and its cursor, "" for none."""


class Truth(BaseModel):
    """The answer of `GET /control/truth`."""

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
        """Revoked ids, including those that were never delivered."""
        return set(self.revoked)

    @property
    def published_ids(self) -> set[str]:
        """Published ids, including revoked and invalid ones."""
        return {article.id for article in self.articles if article.state == "published"}

    @property
    def live_ids(self) -> set[str]:
        """Ids that are published, valid and not revoked."""
        sound = {one.id for one in self.articles if one.state == "published" and one.corrupt in HARMLESS}
        return sound - self.gone_ids

    def tokens(self, ids: set[str] | None = None) -> dict[str, str]:
        """Returns every canary with its article's id, of these articles or of all; needs `canaries=True`."""
        return {
            token: one
            for one, versions in (self.canaries or {}).items()
            if ids is None or one in ids
            for places in versions.values()
            for token in places.values()
        }


HARMLESS = frozenset({None, "numbers", "unknown_elements", "bad_date"})
"""Corruptions that a tolerant reader accepts."""


def describe(simulator: Simulator, *, served: bool, canaries: bool, facets: bool) -> Delivered:
    """Returns the truth as plain values for JSON, in the form of `Truth`."""
    world = simulator.world
    truth: Delivered = {
        "seed": simulator.seed,
        "now": iso(simulator.clock.timestamp()),
        "settings": simulator.settings.model_dump(),
        "articles": [_article(simulator, one) for one in world.by_id.values()],
        "revocations": [
            {
                "id": entry.article_id,
                "sequence": str(entry.sequence),
                "announced_at": iso(entry.announced_at),
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
        truth["served"] = _served(simulator)
    if canaries:
        truth["canaries"] = _canaries(simulator)
    if facets:
        truth["facets"] = {
            one: simulator.facets(article.deliveries[-1])
            for one, article in world.by_id.items()
            if article.deliveries and article.corrupt != "bare"
        }
    return truth


def _canaries(simulator: Simulator) -> Delivered:
    """Returns by article and version the tokens of its text."""
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
    """Returns by key, endpoint and id the sequence numbers of all deliveries."""
    world = simulator.world
    truth: dict[str, dict[str, dict[str, list[str]]]] = {}
    for (key, endpoint, _), consumer in simulator.ledger.consumers.items():
        by_id = truth.setdefault(key, {}).setdefault(endpoint, {})
        for page in consumer.served:
            for at in page:
                if endpoint == "revokedArticles":
                    one, number = world.revocations[at].article_id, world.revocations[at].sequence
                else:
                    one, number = str(world.feed[at].article.id), world.feed[at].sequence_id
                by_id.setdefault(one, []).append(str(number))
    return truth
