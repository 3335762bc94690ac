"""The terms of an article: its sources, topics and other values, in the form in which filters find them.

A term is a kind and a value, such as ``topic:elections``; case and repeated spaces do not count. Terms of companies
and entities are content.
"""

from collections.abc import Iterator

from clawback_contracts.article.v1 import Article

SEPARATOR = "\x1f"
"""Between the terms of one article, as they are sent to the database; no term contains it."""
VALUE_CHARS_MAX = 200
"""Longer values are cut: an entry of an index has at most about 2,700 bytes."""
TERMS_MAX = 2_000
"""The terms of one article at most; captured articles have at most 200."""


def term(kind: str, value: str) -> str:
    """Returns the term of a value."""
    if not value.isprintable():
        value = "".join(char if char.isprintable() else " " for char in value)
    return f"{kind}:{' '.join(value.casefold().split())[:VALUE_CHARS_MAX]}"


def entity_term(type_: str, value: str) -> str:
    """Returns the term of an entity."""
    return term("entity", f"{type_}:{value}")


def terms_of(article: Article) -> list[str]:
    """Returns the terms of an article, each once."""
    return list(dict.fromkeys(_all(article)))[:TERMS_MAX]


def _all(article: Article) -> Iterator[str]:
    if article.language is not None:
        yield term("language", article.language)
        yield term("language", article.language.partition("-")[0])
    yield term("source", article.source.key)
    if article.source.name:
        yield term("source", article.source.name)
    for licence in article.licences:
        yield term("licence", licence.name)
    for topic in article.topics:
        yield term("topic", topic.name)
    for place in article.places:
        if place.country_code:
            yield term("place", place.country_code)
    for company in article.companies:
        names = (company.name, company.symbol, company.isin)
        yield from (term("company", name) for name in names if name)
    for entity in article.entities:
        yield entity_term(entity.type, entity.value)
