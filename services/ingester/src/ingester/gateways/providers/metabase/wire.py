"""Parses Metabase's responses into pages: lenient about each entry, strict about the response as a whole.

An invalid entry affects only itself. An invalid response permits no conclusion, in particular not that there is
nothing.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from clawback_common.errors import Poison
from clawback_contracts.article.v1 import ArticleSubmitted
from ingester.domain.unparsed_fields import ANY_FIELD
from ingester.gateways.providers.answers import Unreadable, UnreadableAnswer
from ingester.gateways.providers.metabase.article import ParsedArticle, article_from
from ingester.gateways.providers.metabase.codes import failure
from ingester.gateways.providers.metabase.tree import BARE_IDS, Answer, Item, Tree, read
from ingester.gateways.providers.metabase.values import Page, RateLimit, RevokedPage
from ingester.gateways.providers.port import Bad, Revoked
from ingester.gateways.providers.scalars import instant, int64, provider_id

_ENVELOPE: Final = frozenset(
    {"status", "messageCode", "userMessage", "developerMessage", "message", "totalResults"}
)
_REVOKED_LISTS: Final = ("revokedArticles", "articles", "ids")
"""Possible names of the list of revocations; the provider's name is not known."""
_SEQUENCES: Final = ("sequenceId", "sequence_id")
_CURSORS: Final = ("nextSequenceId", "nextCursor", "next_cursor", "cursor", "lastSequenceId", *_SEQUENCES)
"""Possible names of the next cursor of revocations at the top level; the provider's name is not known."""
_REVOKED_TIMES: Final = ("revokedDate", "revokedAt", "revoked_at", "revocationDate", "date", "timestamp")
"""Possible names of the time of a revocation; the provider's name is not known."""
_CURSOR_CHARS_MAX: Final = 200


def parse_articles(body: bytes, content_type: str | None, *, received_at: datetime) -> Page:
    """Parses a page of the articles feed or of the search.

    Args:
        body: The decompressed body.
        content_type: The header; None if it is missing.
        received_at: The date of an article for which the provider gives none.

    Raises:
        ProviderFailure: The envelope reports FAILURE.
        UnreadableAnswer: The body is not an envelope.
    """
    answer = _successful(body, content_type)
    articles: list[ArticleSubmitted] = []
    bad: list[Bad] = []
    not_understood: Counter[str] = Counter()
    last_sequence: str | None = None
    items = _article_items(answer)
    for index, item in enumerate(items):
        found, sequence = _article(index, item, received_at)
        last_sequence = sequence or last_sequence
        if isinstance(found, Bad):
            bad.append(found)
            continue
        articles.append(found.article)
        if found.not_understood:
            not_understood.update((ANY_FIELD, *found.not_understood))
    total = answer.head.get("totalResults")
    return Page(
        tuple(articles),
        tuple(bad),
        last_sequence,
        len(items),
        int64(total) if isinstance(total, str) else None,
        not_understood,
    )


def parse_revoked(body: bytes, content_type: str | None) -> RevokedPage:
    """Parses a page of the revocations feed, in any of its possible forms.

    Raises:
        ProviderFailure: The envelope reports FAILURE.
        UnreadableAnswer: The body has none of these forms; this never counts as "nothing revoked".
    """
    answer = _successful(body, content_type)
    name = next((name for name in _REVOKED_LISTS if name in answer.lists), "articles")
    items = _list(answer, name)
    trees = [_tree(item) for item in items]
    bare = all(
        isinstance(tree, str) and item.name in {None, *BARE_IDS}
        for tree, item in zip(trees, items, strict=True)
    )
    ids: list[Revoked] = []
    bad: list[Bad] = []
    last_sequence: str | None = None
    for index, (tree, item) in enumerate(zip(trees, items, strict=True)):
        revoked = _bare_id(index, tree, item) if bare else _revoked(index, tree, item)
        last_sequence = revoked.sequence or last_sequence
        if isinstance(revoked, Bad):
            bad.append(revoked)
        else:
            ids.append(revoked)
    if items and not ids:
        raise UnreadableAnswer(Unreadable.NO_IDS)
    next_cursor = _cursor(answer.head, _CURSORS) or last_sequence
    return RevokedPage(tuple(ids), tuple(bad), next_cursor if items else None, len(items))


def parse_rate_limits(body: bytes, content_type: str | None) -> tuple[RateLimit, ...]:
    """Parses the key's quotas; an unreadable one is omitted, because nothing depends on it.

    Raises:
        ProviderFailure: The envelope reports FAILURE.
        UnreadableAnswer: The body is not an envelope, or has no list of quotas.
    """
    trees = (_tree(item) for item in _list(_successful(body, content_type), "rateLimits"))
    return tuple(
        RateLimit(unit, _number(tree, "limit"), _number(tree, "counter"))
        for tree in trees
        if isinstance(tree, dict) and isinstance(unit := tree.get("unit"), str)
    )


# The envelope


def _successful(body: bytes, content_type: str | None) -> Answer:
    """Returns the envelope of a successful response."""
    answer = read(body, content_type)
    status = answer.head.get("status")
    if not isinstance(status, str):
        raise UnreadableAnswer(Unreadable.NO_STATUS)
    match status.upper():
        case "SUCCESS":
            return answer
        case "FAILURE":
            code = answer.head.get("messageCode")
            raise failure(int64(code) if isinstance(code, str) else None)
        case _:
            raise UnreadableAnswer(Unreadable.NO_STATUS)


def _list(answer: Answer, name: str) -> Sequence[Item]:
    if name not in answer.lists:
        raise UnreadableAnswer(Unreadable.NO_LIST, name)
    items = answer.lists[name]
    if items is None:
        raise UnreadableAnswer(Unreadable.NOT_A_LIST, name)
    return items


def _article_items(answer: Answer) -> Sequence[Item]:
    """Returns the articles. An empty envelope is an empty page, because empty values may be omitted."""
    if answer.names <= _ENVELOPE:
        return ()
    return _list(answer, "articles")


# Entries


def _article(index: int, item: Item, received_at: datetime) -> tuple[ParsedArticle | Bad, str | None]:
    """Returns the article or its error, and its sequence."""
    found_id = sequence = None
    try:
        tree = _fields(item.tree())
        found_id, sequence = _id(tree), _sequence(tree)
        return article_from(tree, received_at), sequence
    except Poison as poison:
        return Bad(index, found_id, sequence, poison.reason, poison.detail, item.raw()), sequence


def _fields(tree: Tree | None) -> dict[str, Tree]:
    if not isinstance(tree, dict):
        raise Poison("empty" if tree is None else "not_an_object")
    return tree


def _bare_id(index: int, tree: Tree | None, item: Item) -> Revoked | Bad:
    """Reads an entry that is only an id. Only its position shows that it is an id, so only a number is accepted."""
    if isinstance(tree, str) and int64(tree) is not None:
        return Revoked(tree, None, None)
    return Bad(index, None, None, "id_unreadable", "id", item.raw(), revocation=True)


def _revoked(index: int, tree: Tree | None, item: Item) -> Revoked | Bad:
    if not isinstance(tree, dict):
        return Bad(index, None, None, "not_an_object", "", item.raw(), revocation=True)
    sequence, found_id = _cursor(tree, _SEQUENCES), _id(tree)
    if found_id is None:
        return Bad(
            index,
            None,
            sequence,
            "id_unreadable" if "id" in tree else "no_id",
            "id",
            item.raw(),
            revocation=True,
        )
    times = (instant(value) for name in _REVOKED_TIMES if isinstance(value := tree.get(name), str))
    return Revoked(found_id, sequence, next((time for time in times if time is not None), None))


def _tree(item: Item) -> Tree | None:
    try:
        return item.tree()
    except Poison:
        return None


def _id(tree: dict[str, Tree]) -> str | None:
    value = tree.get("id")
    return provider_id(value) if isinstance(value, str) else None


def _sequence(tree: dict[str, Tree]) -> str | None:
    """Returns the feed's cursor, which is sent back unchanged, but only if it is a number."""
    value = tree.get("sequenceId")
    return value if isinstance(value, str) and int64(value) is not None else None


def _cursor(tree: dict[str, Tree], names: tuple[str, ...]) -> str | None:
    """Returns the first text under these names that can be a cursor."""
    values = (tree.get(name) for name in names)
    return next(
        (value for value in values if isinstance(value, str) and len(value) <= _CURSOR_CHARS_MAX), None
    )


def _number(tree: dict[str, Tree], name: str) -> int | None:
    value = tree.get(name)
    return int64(value) if isinstance(value, str) else None
