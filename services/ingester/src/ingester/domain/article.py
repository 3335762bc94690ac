"""Articles: what a delivery becomes, and whose door it may come by."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from clawback_contracts.article.v1 import ArticleSubmitted

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Delivery(NamedTuple):
    """An article on its way in: what it says, which of two deliveries is newer, which trace it belongs to."""

    article: ArticleSubmitted
    source_order: int
    traceparent: str | None

    @property
    def article_id(self) -> str:
        """The id, the key of everything."""
        return self.article.article_id

    @property
    def document(self) -> str:
        """What is stored, and later published: the article without the sender's numbering."""
        return self.article.model_dump_json(exclude_none=True, exclude={"source_order"})


def deliveries(
    articles: Iterable[tuple[ArticleSubmitted, str | None]], received_at: datetime
) -> list[Delivery]:
    """Numbers what its sender did not number by the time received, in the order received."""
    base = (received_at - EPOCH) // timedelta(microseconds=1)
    return [
        Delivery(article, base + n if article.source_order is None else article.source_order, traceparent)
        for n, (article, traceparent) in enumerate(articles)
    ]


def newest(batch: Iterable[Delivery]) -> list[Delivery]:
    """One delivery an id, the newest, of equals the first, sorted by id: the order in which rows are taken."""
    best: dict[str, Delivery] = {}
    for delivery in batch:
        held = best.get(delivery.article_id)
        if held is None or delivery.source_order > held.source_order:
            best[delivery.article_id] = delivery
    return sorted(best.values(), key=lambda delivery: delivery.article_id)


def comes_by(article_id: str, providers: Sequence[str]) -> bool:
    """Whether the id's provider is one of those that may use this door."""
    return article_id.partition(":")[0] in providers
