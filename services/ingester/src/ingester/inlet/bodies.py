"""A body of one article or of many, judged item by item: one bad item costs no good one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from clawback_common.http.bodies import parse_json
from clawback_common.http.problem import Problem, field_error, invalid
from clawback_contracts.article.v1 import CONTENT_BYTES_MAX, ArticleSubmitted
from ingester.domain.article import Arrival, Delivery, comes_by

ITEMS_MAX = 500
GROWTH_MAX = 5
"""At most so many times longer is a number when it is written again: 1e15 has 4 characters, then 18."""
_TOO_OLD = field_error("published_at", "too_old", "It dates from before what is kept")
_ARTICLE: TypeAdapter[ArticleSubmitted] = TypeAdapter(ArticleSubmitted)


@dataclass(frozen=True, slots=True)
class Refused:
    """An item that cannot be taken: its place, why, and itself."""

    index: int
    errors: list[dict[str, str]]
    raw: bytes | None
    """None: it is well formed, and may not be kept in quarantine either."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a body holds."""

    accepted: Sequence[ArticleSubmitted]
    refused: Sequence[Refused]
    indexes: Sequence[int] = ()
    """Of the accepted items, in the body."""

    def without(self, too_old: Collection[str]) -> "Judged":
        """These ids are refused, for they date from before what is kept.

        Raises:
            Problem: 422 when nothing is left.
        """
        if not too_old:
            return self
        kept: list[tuple[int, ArticleSubmitted]] = []
        refused = list(self.refused)
        for index, article in zip(self.indexes, self.accepted, strict=True):
            if article.article_id in too_old:
                refused.append(Refused(index, [dict(_TOO_OLD)], None))
            else:
                kept.append((index, article))
        refused.sort(key=lambda one: one.index)
        items = len(refused) + len(kept)
        _require_some(kept, refused, items)
        return Judged([article for _, article in kept], refused, [index for index, _ in kept])

    def answer(self) -> dict[str, Any]:
        """The body of the 202."""
        return {
            "accepted": [article.article_id for article in self.accepted],
            "refused": [{"index": one.index, "errors": one.errors} for one in self.refused],
        }


def judge(raw: bytes, providers: Sequence[str]) -> Judged:
    """Reads a body of one article object or ``{"items": […]}``.

    Raises:
        Problem: 422 when it is no such body, or when every item fails.
    """
    items = _items(parse_json(raw))
    accepted: list[ArticleSubmitted] = []
    indexes: list[int] = []
    refused: list[Refused] = []
    for index, item in enumerate(items):
        encoded = orjson.dumps(item)
        errors, article = judge_one(encoded, providers)
        if article is None:
            refused.append(Refused(index, errors, encoded))
        else:
            accepted.append(article)
            indexes.append(index)
    _require_some(accepted, refused, len(items))
    return Judged(accepted, refused, indexes)


def _require_some(accepted: Sequence[object], refused: Sequence[Refused], items: int) -> None:
    if accepted:
        return
    placed = [
        {**error, "path": f"items[{one.index}].{error['path']}" if items > 1 else error["path"]}
        for one in refused
        for error in one.errors
    ]
    raise Problem(422, f"None of {items} item(s) can be taken.", errors=placed[:100])


def _items(body: object) -> list[object]:
    match body:
        case {"items": list(items)} if 0 < len(items) <= ITEMS_MAX:
            return items
        case {"items": _}:
            raise Problem(
                422,
                f"`items` is a list of 1 to {ITEMS_MAX} articles.",
                errors=[field_error("items", "items_invalid", f"A list of 1 to {ITEMS_MAX} articles")],
            )
        case dict():
            return [body]
        case _:
            raise Problem(
                422,
                'The body is one article object or {"items": […]}.',
                errors=[field_error("", "object_expected", "An object is expected")],
            )


def judge_one(
    encoded: bytes, providers: Sequence[str]
) -> tuple[list[dict[str, str]], ArticleSubmitted | None]:
    """What is wrong with an item, by field; or the article that it is."""
    if len(encoded) > CONTENT_BYTES_MAX:
        return [field_error("", "too_large", f"An article has at most {CONTENT_BYTES_MAX} bytes")], None
    try:
        article = _ARTICLE.validate_json(encoded)
    except ValidationError as error:
        problem = invalid(error.errors(include_url=False, include_context=False), skip=0)
        return [dict(one) for one in problem.errors], None
    if not comes_by(article.article_id, providers):
        words = f"By this door come ids that begin with {', '.join(providers)}"
        return [field_error("article_id", "provider_not_of_this_door", words)], None
    if len(encoded) * GROWTH_MAX > CONTENT_BYTES_MAX and Delivery.of(article, Arrival(0), None).too_large:
        return [field_error("", "too_large", f"An article has at most {CONTENT_BYTES_MAX} bytes")], None
    if "\x00" in encoded.decode() or b"\\u0000" in encoded:
        return [field_error("", "nul_character", "A text holds the character NUL")], None
    return [], article
