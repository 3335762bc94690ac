"""Deliveries of articles: their order, and which providers a source may use."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import NamedTuple

from pydantic import TypeAdapter

from clawback_contracts.article.v1 import CONTENT_BYTES_MAX, ArticleSubmitted

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_ARTICLE = TypeAdapter(ArticleSubmitted)


class Arrival(NamedTuple):
    """When something arrived. For equal times the position in the log or body decides."""

    at_us: int
    """Microseconds since the epoch."""
    position: int = 0
    """The offset of a record, or the index in a body; unbounded."""


class Delivery(NamedTuple):
    """A received article, with the numbers that decide which of two deliveries is newer, and its trace."""

    article_id: str
    """The article's id, the primary key everywhere."""
    article: ArticleSubmitted
    source_order: int
    source_position: int
    """Decides between equal numbers; 0 if the sender sets the number."""
    traceparent: str | None
    document: str
    """The stored and published form: the article without the sender's number."""
    document_bytes: int
    document_hash: int
    """Of equal documents, the second is not a new version."""
    event_id: str | None = None
    """By which its sender can query the outcome: ``ce_id``, or the id of a body with the item's index."""

    @classmethod
    def of(
        cls,
        article: ArticleSubmitted,
        arrived: Arrival,
        traceparent: str | None,
        event_id: str | None = None,
    ) -> "Delivery":
        """Creates a delivery, numbered by its sender, else by its time of arrival, never by that of processing.

        If the sender gives no word count, the words of the body are counted: character sequences separated by
        whitespace.
        """
        order, position = arrived if article.source_order is None else (article.source_order, 0)
        if article.word_count is None and article.body is not None:
            article = article.model_copy(update={"word_count": len(article.body.split())})
        document = _ARTICLE.dump_json(article, exclude_none=True, exclude={"source_order"})
        return cls(
            article.article_id,
            article,
            order,
            position,
            traceparent,
            document.decode(),
            len(document),
            hash_of(document),
            event_id,
        )

    @property
    def too_large(self) -> bool:
        """Returns whether the document exceeds the limit: a number such as 1e9 is longer when serialized again."""
        return self.document_bytes > CONTENT_BYTES_MAX


def hash_of(document: bytes) -> int:
    """Returns 64 bits of the document's SHA-256."""
    return int.from_bytes(hashlib.sha256(document).digest()[:8], signed=True)


def deliveries(
    articles: Iterable[tuple[ArticleSubmitted, str | None]],
    received_at: datetime,
    event_ids: Iterable[str | None] = (),
) -> list[Delivery]:
    """Returns the deliveries of one body or page, which arrived together in this order."""
    at_us = (received_at - EPOCH) // MICROSECOND
    return [
        Delivery.of(article, Arrival(at_us, n), traceparent, event_id)
        for n, ((article, traceparent), event_id) in enumerate(
            zip(articles, chain(event_ids, repeat(None)), strict=False)
        )
    ]


def record_arrival(timestamp_ms: int | None, offset: int, now: datetime) -> Arrival:
    """Returns when a record arrived: the broker's timestamp, and within a millisecond the offset."""
    if timestamp_ms is None or timestamp_ms < 0:
        return Arrival((now - EPOCH) // MICROSECOND, offset)
    return Arrival(timestamp_ms * 1000, offset)


def newest(batch: Iterable[Delivery]) -> list[Delivery]:
    """Returns the newest delivery per id, the first of equal ones, sorted by id: the order in which rows are locked."""
    best: dict[str, Delivery] = {}
    for delivery in batch:
        held = best.get(delivery.article_id)
        if held is None or _order(delivery) > _order(held):
            best[delivery.article_id] = delivery
    return sorted(best.values(), key=lambda delivery: delivery.article_id)


def _order(delivery: Delivery) -> tuple[int, int]:
    return delivery.source_order, delivery.source_position


def is_allowed(article_id: str, providers: Sequence[str]) -> bool:
    """Returns whether the id's provider is one of the allowed providers."""
    return article_id.partition(":")[0] in providers
