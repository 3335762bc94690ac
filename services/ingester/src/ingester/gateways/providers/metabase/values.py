"""The parsed pages of Metabase."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from clawback_contracts.article.v1 import ArticleSubmitted
from ingester.gateways.providers.port import Bad, Revoked


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the articles feed or of the search.

    Attributes:
        articles: The usable articles, in the provider's order.
        bad: The unusable ones.
        last_sequence: The sequence of the last entry that has one; None: no entry has one, and the cursor stays.
        count: The entries on the page. Fewer than requested does not mean that nothing follows.
        not_understood: The number of articles by field that could not be read completely; under `ANY_FIELD` those with
            any such field.
        total_results: The remaining results from the cursor on, as stated by the search; it may be too high.
    """

    articles: tuple[ArticleSubmitted, ...]
    bad: tuple[Bad, ...]
    last_sequence: str | None
    count: int
    total_results: int | None = None
    not_understood: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RevokedPage:
    """A page of the revocations feed.

    Attributes:
        ids: In the provider's order, including repeats.
        bad: Entries without a usable id: each may be a revocation, so a person must check it.
        next_cursor: Opaque text; None: the page has none, or no entries, and the cursor stays.
        count: The entries on the page. Fewer than requested does not mean that nothing follows.
    """

    ids: tuple[Revoked, ...]
    bad: tuple[Bad, ...]
    next_cursor: str | None
    count: int


_OF_A_PAGE: Final = re.compile(r"page|result|article|record|entr|item", re.IGNORECASE)
"""Possible names of the unit of a page limit; the provider's name for it is not known."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A quota of the key: ``counter`` of ``limit`` calls are used in the current ``unit``."""

    unit: str
    limit: int | None
    counter: int | None


def page_limit(limits: Iterable[RateLimit]) -> int | None:
    """Returns the maximum entries of a page by the key's limits; None if they do not state it."""
    return min((one.limit for one in limits if one.limit and _OF_A_PAGE.search(one.unit)), default=None)


@dataclass(frozen=True, slots=True)
class Slice:
    """One of several clients that share a feed; each has its own cursor."""

    number: int
    of: int
