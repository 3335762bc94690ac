"""The dimensions by which articles are counted. A new one is one entry here and one route in the API."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from clawback_contracts.article.v1 import ArticlePublished


class Dimension(NamedTuple):
    """A property of articles by which they are counted."""

    id: int
    """As stored; never changed, and never reused for another dimension."""
    name: str
    """The name in the API."""
    values: Callable[[ArticlePublished], Iterable[tuple[str, str | None]]]
    """Returns an article's values, each with its label. Empty and repeated values are ignored."""
    one_per_article: bool = False
    """Every article has exactly one value, so a sum over this dimension is a number of articles."""


DIMENSIONS = {
    one.name: one
    for one in (
        Dimension(
            1,
            "sources",
            lambda article: [(article.source.key, article.source.name)],
            one_per_article=True,
        ),
        Dimension(2, "topics", lambda article: [(topic.name, topic.group) for topic in article.topics]),
    )
}
"""All dimensions, by name."""

TOTAL = next(one for one in DIMENSIONS.values() if one.one_per_article)
"""The dimension over which articles are summed."""
