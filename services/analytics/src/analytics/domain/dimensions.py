"""The dimensions by which articles are counted. A new one is one entry here and one route in the API."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from clawback_contracts.article.v1 import ArticlePublished, Company, Place

Values = Iterable[tuple[str | None, str | None]]
"""The texts of values, each with its label."""

SENTIMENT_MAX = 10
"""Scores outside -10 to 10 are errors of the provider and not counted; scores up to 5.16 were seen."""
EXACT_WORDS = 100
"""Numbers of words below this are counted as they are, larger ones with two significant digits."""


class Dimension(NamedTuple):
    """A property of articles by which they are counted."""

    id: int
    """As stored; never changed, and never reused for another dimension."""
    name: str
    """Unique; where a route has only one dimension, it has its name."""
    values: Callable[[ArticlePublished], Values]
    """Returns an article's values, each with its label. Empty and repeated values are ignored."""
    one_per_article: bool = False
    """Every article has exactly one value, so a sum over this dimension is a number of articles."""


def _companies(key: Callable[[Company], str | None]) -> Callable[[ArticlePublished], Values]:
    """Companies by one of their fields; a company with several listings has one value per different field."""
    return lambda article: [(key(company), company.name) for company in article.companies]


def _point(place: Place) -> str | None:
    """To a hundredth of a degree, about a kilometre: providers place one town at many slightly different points.

    Adding 0 makes -0 positive.
    """
    if place.latitude is None or place.longitude is None:
        return None
    return f"{round(place.latitude, 2) + 0:.2f},{round(place.longitude, 2) + 0:.2f}"


def _word_count(article: ArticlePublished) -> Values:
    words = article.word_count
    if words is None:
        return []
    step = 1
    while words // step >= EXACT_WORDS:
        step *= 10
    return [(str(words // step * step), None)]


def _sentiment(article: ArticlePublished) -> Values:
    score = article.sentiment
    if score is None or abs(score) > SENTIMENT_MAX:
        return []
    return [(f"{round(score, 2) + 0:.2f}", None)]


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
        Dimension(3, "authors", lambda article: [(author, None) for author in article.authors]),
        Dimension(4, "licenses", lambda article: [(licence.name, None) for licence in article.licences]),
        Dimension(5, "hours", lambda article: [(f"{article.published_at:%H}", None)], one_per_article=True),
        Dimension(
            6,
            "entities",
            lambda article: [(f"{one.type}:{one.value}", one.type) for one in article.entities if one.value],
        ),
        Dimension(7, "companies", _companies(lambda company: company.name)),
        Dimension(8, "symbols", _companies(lambda company: company.symbol)),
        Dimension(9, "isins", _companies(lambda company: company.isin)),
        Dimension(10, "countries", lambda article: [(one.country_code, None) for one in article.places]),
        Dimension(11, "regions", lambda article: [(one.region, None) for one in article.places]),
        Dimension(12, "points", lambda article: [(_point(one), one.name) for one in article.places]),
        Dimension(13, "word_count", _word_count),
        Dimension(14, "sentiment", _sentiment),
        Dimension(15, "tags", lambda article: [(tag, None) for tag in article.tags]),
    )
}
"""All dimensions, by name."""

TOTAL = DIMENSIONS["sources"]
"""The dimension over which articles are summed."""
