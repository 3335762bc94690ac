"""What an article is counted under: as text (`ArticleFacts`) and as ids (`Facets`)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from analytics.domain.dimensions import DIMENSIONS
from clawback_contracts.article.v1 import ArticlePublished

TEXT_MAX = 500
"""Maximum length of a value's text, in characters; the limit of an index entry, and longer than any name."""

FilterKey = tuple[str, str, tuple[str, ...]]
"""Language ("": unknown), source, licences: everything that a query can filter by."""
Term = tuple[int, str]
"""A dimension and the text of a value."""


class ArticleFacts(NamedTuple):
    """What an article is counted under, as text."""

    article_id: str
    version: int
    after_order: int
    retention_date: datetime
    published_at: datetime
    filter_key: FilterKey
    words: int
    terms: dict[Term, str | None]
    """Its values in every dimension, and their labels."""


class Facets(NamedTuple):
    """What an article is counted under, as ids."""

    published_at: datetime
    """In UTC; it is counted on this day."""
    filter_key_id: int
    words: int
    value_ids: Sequence[int]
    """Its values in every dimension."""
    withheld: bool = False
    """Currently not counted, but may be counted again."""


def article_facts(article: ArticlePublished) -> ArticleFacts:
    """Extracts what the article is counted under. A repeated value counts once, with its first label."""
    terms: dict[Term, str | None] = {}
    for dimension in DIMENSIONS.values():
        for text, label in dimension.values(article):
            if text:
                terms.setdefault((dimension.id, text[:TEXT_MAX]), label[:TEXT_MAX] if label else None)
    licences = {licence.name for licence in article.licences}
    return ArticleFacts(
        article.article_id,
        article.version,
        article.after_order,
        article.retention_date,
        article.published_at,
        (article.language or "", article.source.key, tuple(sorted(licences))),
        article.word_count or 0,
        terms,
    )


def newest(batch: Iterable[ArticlePublished]) -> list[ArticleFacts]:
    """Returns one version per article id: that with the latest order and version.

    Sorted by id, the order of locking.
    """
    best: dict[str, ArticlePublished] = {}
    for article in batch:
        held = best.get(article.article_id)
        if held is None or (article.after_order, article.version) > (held.after_order, held.version):
            best[article.article_id] = article
    return [article_facts(best[article_id]) for article_id in sorted(best)]
