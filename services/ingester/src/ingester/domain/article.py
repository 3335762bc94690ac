"""Articles: what a delivery becomes, and whose door it may come by."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import NamedTuple

from clawback_contracts.article.v1 import CONTENT_BYTES_MAX, ArticleSubmitted

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
UTF8_BYTES_MAX = 4
"""Of one character."""


class Arrival(NamedTuple):
    """When something arrived. Of two that arrived at one time, the position in their log or body decides."""

    at_us: int
    """Microseconds since the epoch."""
    position: int = 0
    """The offset of a record, or the place in a body: without a bound."""


class Origin(NamedTuple):
    """The record or item that brought an article: its sender can ask what became of it."""

    source: str
    """The topic, ``http:<subject>`` or ``webhook:<provider>``."""
    event_id: str
    """``ce_id``; of an item in a body, the body's id and the item's place."""


class Delivery(NamedTuple):
    """An article on its way in: what it says, which of two deliveries is newer, which trace it belongs to."""

    article_id: str
    """The id, the key of everything."""
    article: ArticleSubmitted
    source_order: int
    source_position: int
    """Decides between equal numbers; 0 where the sender gives the number."""
    traceparent: str | None
    document: str
    """What is stored, and later published: the article without the sender's numbering."""
    origin: Origin | None = None
    """None: a provider's feed, which asks nothing."""

    @classmethod
    def of(
        cls,
        article: ArticleSubmitted,
        arrived: Arrival,
        traceparent: str | None,
        origin: Origin | None = None,
    ) -> "Delivery":
        """Numbered by its sender, else by when it arrived, never by the time of handling.

        Where its sender has not counted the words of the body, they are counted here: what stands between blanks.
        """
        order, position = arrived if article.source_order is None else (article.source_order, 0)
        if article.word_count is None and article.body is not None:
            article = article.model_copy(update={"word_count": len(article.body.split())})
        document = article.model_dump_json(exclude_none=True, exclude={"source_order"})
        return cls(article.article_id, article, order, position, traceparent, document, origin)

    @property
    def document_hash(self) -> int:
        """64 bits of the document's SHA-256: the same content again is no new version."""
        return int.from_bytes(hashlib.sha256(self.document.encode()).digest()[:8], signed=True)

    @property
    def too_large(self) -> bool:
        """Whether the document outgrew the limit: a number such as 1e9 is longer when it is written again."""
        chars = len(self.document)
        return chars * UTF8_BYTES_MAX > CONTENT_BYTES_MAX and len(self.document.encode()) > CONTENT_BYTES_MAX


def deliveries(
    articles: Iterable[tuple[ArticleSubmitted, str | None]],
    received_at: datetime,
    origins: Iterable[Origin | None] = (),
) -> list[Delivery]:
    """Articles of one body or page, that arrived at once and in this order, with the origin of each."""
    at_us = (received_at - EPOCH) // MICROSECOND
    return [
        Delivery.of(article, Arrival(at_us, n), traceparent, origin)
        for n, ((article, traceparent), origin) in enumerate(
            zip(articles, chain(origins, repeat(None)), strict=False)
        )
    ]


def record_arrival(timestamp_ms: int | None, offset: int, now: datetime) -> Arrival:
    """When a record arrived: the broker's time, and within its millisecond the order of the log."""
    if timestamp_ms is None or timestamp_ms < 0:
        return Arrival((now - EPOCH) // MICROSECOND, offset)
    return Arrival(timestamp_ms * 1000, offset)


def newest(batch: Iterable[Delivery]) -> list[Delivery]:
    """One delivery an id, the newest, of equals the first, sorted by id: the order in which rows are taken."""
    best: dict[str, Delivery] = {}
    for delivery in batch:
        held = best.get(delivery.article_id)
        if held is None or _order(delivery) > _order(held):
            best[delivery.article_id] = delivery
    return sorted(best.values(), key=lambda delivery: delivery.article_id)


def _order(delivery: Delivery) -> tuple[int, int]:
    return delivery.source_order, delivery.source_position


def is_allowed(article_id: str, providers: Sequence[str]) -> bool:
    """Whether the id's provider is one of those that may use this door."""
    return article_id.partition(":")[0] in providers
