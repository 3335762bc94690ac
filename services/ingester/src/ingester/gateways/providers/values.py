"""What a page of the provider holds, once it is read."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from clawback_contracts.article.v1 import ArticleSubmitted


@dataclass(frozen=True, slots=True)
class Bad:
    """One entry of a page that cannot be used; its neighbours can.

    Attributes:
        index: its place on the page, from 0.
        provider_id: its id, where it could be read and is one.
        sequence: its place in the feed, where it could be read.
        code: snake_case, from a small set; the reason in quarantine.
        detail: which field and which rule; never a value.
        raw: the entry as it came. Content.
    """

    index: int
    provider_id: str | None
    sequence: str | None
    code: str
    detail: str
    raw: bytes


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
class RevokedId:
    """The provider says that this id must be removed.

    Attributes:
        provider_article_id: the id within the provider.
        sequence: the entry's place in the feed of revocations: opaque text.
        revoked_at: the provider's time, where it gives one that can be read.
    """

    provider_article_id: str
    sequence: str | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class RevokedPage:
    """One answer of the revocations feed.

    Attributes:
        ids: in the provider's order, repeats included.
        bad: entries without an id that can be used: each may be a revocation, so a person must look.
        next_cursor: opaque text; None when the answer has none, or no entries: then nothing moves.
        count: entries on the page. Fewer than asked for does not mean that nothing follows.
    """

    ids: tuple[RevokedId, ...]
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
