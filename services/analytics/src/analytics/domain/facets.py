"""What an article is counted by, in words and in numbers."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final, NamedTuple

from clawback_contracts.article.v1 import ArticlePublished

TEXT_MAX = 500
"""Characters of a value's text: an index entry holds no more, and no name is longer."""


SOURCE: Final = 1
"""The dimension of sources, by the number that is stored. Every article has exactly one source: sums over this
dimension alone are numbers of articles."""
TOPIC: Final = 2
"""The dimension of topics."""

Cell = tuple[str, str, tuple[str, ...]]
"""Language ("": not known), source, licences: all by which a reader may narrow the counts."""
Term = tuple[int, str]
"""A dimension, and a value of it in words."""


class ArticleFacts(NamedTuple):
    """An article by what it is counted by, in words. Of its text, this holds what its provider made of it."""

    article_id: str
    version: int
    after_order: int
    kept_from: datetime
    day: date
    cell: Cell
    words: int
    terms: tuple[Term, ...]
    """Its source, then its topics."""
    article: ArticlePublished

    @property
    def labels(self) -> dict[Term, str | None]:
        """Of its terms: the name of the source, the group of a topic."""
        source, *topics = self.terms
        groups = {topic.name[:TEXT_MAX]: topic.group for topic in reversed(self.article.topics)}
        return {source: _short(self.article.source.name)} | {
            topic: _short(groups[topic[1]]) for topic in topics
        }


class Facets(NamedTuple):
    """What an article is counted by, in the numbers that stand for words."""

    day: date
    """On which it was published, in UTC."""
    cell_id: int
    words: int
    source_id: int
    topic_ids: tuple[int, ...]
    withheld: bool = False
    """Not counted for now, but may be counted again."""


def described(article: ArticlePublished) -> ArticleFacts:
    """Reads off what the article is counted by. A topic that it has twice counts once."""
    key, licences = article.source.key, article.licences
    return ArticleFacts(
        article.article_id,
        article.version,
        article.after_order,
        article.kept_from,
        article.published_at.date(),
        (
            article.language or "",
            key,
            (licences[0].name,)
            if len(licences) == 1
            else tuple(sorted({licence.name for licence in licences})),
        ),
        article.word_count or 0,
        (
            (SOURCE, key),
            *dict.fromkeys([(TOPIC, topic.name[:TEXT_MAX]) for topic in article.topics if topic.name]),
        ),
        article,
    )


def newest(batch: Iterable[ArticlePublished]) -> list[ArticleFacts]:
    """One an id, the one with the latest order and version, sorted by id: the order in which rows are taken."""
    best: dict[str, ArticlePublished] = {}
    for article in batch:
        held = best.get(article.article_id)
        if held is None or (article.after_order, article.version) > (held.after_order, held.version):
            best[article.article_id] = article
    return [described(best[article_id]) for article_id in sorted(best)]


def _short(text: str | None) -> str | None:
    return text[:TEXT_MAX] if text else None
