"""What an article is counted under: as text (`ArticleFacts`) and as ids (`Facets`)."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final, NamedTuple

from clawback_contracts.article.v1 import ArticlePublished

TEXT_MAX = 500
"""Maximum length of a value's text, in characters; the limit of an index entry, and longer than any name."""


SOURCE: Final = 1
"""The id of the dimension of sources, as stored. Each article has exactly one source, so a sum over this dimension
is a number of articles.
"""
TOPIC: Final = 2
"""The id of the dimension of topics."""

FilterKey = tuple[str, str, tuple[str, ...]]
"""Language ("": unknown), source, licences: everything that a query can filter by."""
Term = tuple[int, str]
"""A dimension and the text of a value."""


class ArticleFacts(NamedTuple):
    """What an article is counted under, as text."""

    article_id: str
    version: int
    after_order: int
    kept_from: datetime
    day: date
    filter_key: FilterKey
    words: int
    terms: tuple[Term, ...]
    """Its source, then its topics."""
    article: ArticlePublished

    @property
    def labels(self) -> dict[Term, str | None]:
        """The labels of its terms: the name of the source, the group of a topic."""
        source, *topics = self.terms
        groups = {topic.name[:TEXT_MAX]: topic.group for topic in reversed(self.article.topics)}
        return {source: _short(self.article.source.name)} | {
            topic: _short(groups[topic[1]]) for topic in topics
        }


class Facets(NamedTuple):
    """What an article is counted under, as ids."""

    day: date
    """The day on which it was published, in UTC."""
    cell_id: int
    words: int
    source_id: int
    topic_ids: tuple[int, ...]
    withheld: bool = False
    """Currently not counted, but may be counted again."""


def article_facts(article: ArticlePublished) -> ArticleFacts:
    """Extracts what the article is counted under. A repeated topic counts once."""
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
    """Returns one version per article id: that with the latest order and version.

    Sorted by id, the order of locking.
    """
    best: dict[str, ArticlePublished] = {}
    for article in batch:
        held = best.get(article.article_id)
        if held is None or (article.after_order, article.version) > (held.after_order, held.version):
            best[article.article_id] = article
    return [article_facts(best[article_id]) for article_id in sorted(best)]


def _short(text: str | None) -> str | None:
    return text[:TEXT_MAX] if text else None
