"""What a page of the provider holds, once it is read."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from clawback_contracts.article.v1 import ArticleSubmitted
from ingester.gateways.providers.port import Bad, Revoked


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the articles feed, or of the search.

    Attributes:
        articles: those that can be used, in the provider's order.
        bad: those that cannot.
        last_sequence: of the last entry that has one, used or not; None when no entry has one: then nothing moves.
        count: entries on the page. Fewer than asked for does not mean that nothing follows.
        not_understood: articles by the field that was there and could not be read, or not in whole; under `ANY_FIELD`
            those with any such field.
        total_results: what is left from the cursor on, as the search says; it may be too high.
    """

    articles: tuple[ArticleSubmitted, ...]
    bad: tuple[Bad, ...]
    last_sequence: str | None
    count: int
    total_results: int | None = None
    not_understood: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RevokedPage:
    """One answer of the revocations feed.

    Attributes:
        ids: in the provider's order, repeats included.
        bad: entries without an id that can be used: each may be a revocation, so a person must look.
        next_cursor: opaque text; None when the answer has none, or no entries: then nothing moves.
        count: entries on the page. Fewer than asked for does not mean that nothing follows.
    """

    ids: tuple[Revoked, ...]
    bad: tuple[Bad, ...]
    next_cursor: str | None
    count: int


_OF_A_PAGE: Final = re.compile(r"page|result|article|record|entr|item", re.IGNORECASE)
"""What the unit may be called of a limit that is about a page; which name the provider has is not known."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A quota of the key: ``counter`` calls of ``limit`` are used in the present ``unit``."""

    unit: str
    limit: int | None
    counter: int | None


def page_limit(limits: Iterable[RateLimit]) -> int | None:
    """Entries that a page may have by the key's limits; None where they do not say."""
    return min((one.limit for one in limits if one.limit and _OF_A_PAGE.search(one.unit)), default=None)


@dataclass(frozen=True, slots=True)
class Slice:
    """One of several clients that share a feed; each keeps a cursor of its own."""

    number: int
    of: int
