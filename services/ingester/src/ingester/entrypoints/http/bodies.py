"""Bodies with one or several articles, validated item by item: an invalid item does not affect valid ones."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
)

from clawback_common.http.bodies import parse_json
from clawback_common.http.problem import Problem, field_error, invalid
from clawback_contracts.article.v1 import CONTENT_BYTES_MAX, ArticleSubmitted
from ingester.domain.article import Arrival, Delivery, is_allowed
from ingester.domain.submission import REFUSALS, Outcome

ITEMS_MAX = 500
GROWTH_MAX = 5
"""The most that a number grows when it is serialized again: 1e15 has 4 characters, then 18."""
TOO_OLD = field_error("published_at", Outcome.TOO_OLD, REFUSALS[Outcome.TOO_OLD])
REVOKED = field_error("article_id", Outcome.REVOKED, REFUSALS[Outcome.REVOKED])
_ARTICLE: TypeAdapter[ArticleSubmitted] = TypeAdapter(ArticleSubmitted)


@dataclass(frozen=True, slots=True)
class RejectedItem:
    """A rejected item: its index, the errors, and its bytes."""

    index: int
    errors: list[dict[str, str]]
    raw: bytes | None
    """None: the item is well formed, and must not be kept in quarantine either."""


class StandardWebhook(BaseModel):
    """The body recommended by Standard Webhooks; ``type`` and ``timestamp`` are not used."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(min_length=1, max_length=200)
    timestamp: AwareDatetime | None = None
    data: dict[str, JsonValue]
    """One article, or ``{"items": […]}``."""


@dataclass(frozen=True, slots=True)
class Body:
    """The items of a body and their path in it."""

    items: Sequence[object]
    within: str = ""
    """The field that contains them: ``data`` in a body of Standard Webhooks."""
    listed: bool = False
    """They are in a list ``items``, also if there is only one."""

    def path(self, index: int, path: str) -> str:
        """Returns the path of a field of an item."""
        parts = (self.within, f"items[{index}]" if self.listed else "", path)
        return ".".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """The accepted and rejected items of a body."""

    accepted: Sequence[ArticleSubmitted]
    refused: Sequence[RejectedItem]
    indexes: Sequence[int] = ()
    """The indexes of the accepted items in the body."""
    body: Body = Body(())

    def without(self, article_ids: Collection[str], error: Mapping[str, str]) -> "ValidationResult":
        """Returns the result with these ids rejected for this reason."""
        if not article_ids:
            return self
        refused = list(self.refused)
        kept: list[tuple[int, ArticleSubmitted]] = []
        for index, article in zip(self.indexes, self.accepted, strict=True):
            if article.article_id in article_ids:
                refused.append(RejectedItem(index, [dict(error)], None))
            else:
                kept.append((index, article))
        refused.sort(key=lambda one: one.index)
        return replace(
            self,
            accepted=[article for _, article in kept],
            refused=refused,
            indexes=[index for index, _ in kept],
        )

    def require_some(self) -> "ValidationResult":
        """Returns the result itself.

        Raises:
            Problem: 422 if every item is rejected.
        """
        if self.accepted:
            return self
        placed = [
            {**error, "path": self.body.path(one.index, error["path"])}
            for one in self.refused
            for error in one.errors
        ]
        raise Problem(422, f"None of {len(self.refused)} item(s) can be accepted.", errors=placed[:100])

    def event_ids(self, body_id: str) -> list[str]:
        """Returns the event ids with which the sender queries the status of each accepted item."""
        return [item_id(body_id, index) for index in self.indexes]

    def answer(self, body_id: str) -> dict[str, Any]:
        """Returns the body of the 202 response."""
        return {
            "accepted": [article.article_id for article in self.accepted],
            "event_ids": self.event_ids(body_id),
            "refused": [{"index": one.index, "errors": one.errors} for one in self.refused],
        }


def item_id(body_id: str, index: int) -> str:
    """Returns the event id of an item of a body."""
    return f"{body_id}/{index}"


def validate_items(raw: bytes, providers: Sequence[str], *, standard: bool = False) -> ValidationResult:
    """Reads a body of one article or ``{"items": […]}``. Unknown fields are refused, because they would be lost.

    Args:
        raw: The body.
        providers: The providers whose articles the sender may submit.
        standard: Whether the body may also have the form of Standard Webhooks, ``{"type", "timestamp", "data"}``.

    Raises:
        Problem: 422 if the body has another form, or if every item is invalid.
    """
    body = _body(parse_json(raw), standard=standard)
    accepted: list[ArticleSubmitted] = []
    indexes: list[int] = []
    refused: list[RejectedItem] = []
    for index, item in enumerate(body.items):
        encoded = orjson.dumps(item)
        errors, article = validate_item(encoded, providers)
        if article is None:
            refused.append(RejectedItem(index, errors, encoded))
        else:
            accepted.append(article)
            indexes.append(index)
    return ValidationResult(accepted, refused, indexes, body).require_some()


def validate_again(raw: bytes, provider: str) -> ValidationResult:
    """Validates a stored webhook by the current rules; a body that is no longer valid is one rejected item."""
    try:
        return validate_items(raw, (provider,), standard=True)
    except Problem as problem:
        return ValidationResult([], [RejectedItem(0, [dict(one) for one in problem.errors], raw)])


def _body(found: object, *, standard: bool, within: str = "") -> Body:
    match found:
        case {"type": _} | {"data": _} if standard:
            try:
                event = StandardWebhook.model_validate(found)
            except ValidationError as error:
                raise invalid(error.errors(include_url=False, include_context=False), skip=0) from None
            return _body(event.data, standard=False, within="data")
        case {"items": list(items), **others} if 0 < len(items) <= ITEMS_MAX and not others:
            return Body(items, within, listed=True)
        case {"items": _, **others}:
            raise _not_items(Body((), within), sorted(map(str, others)))
        case dict():
            return Body([found], within)
        case _:
            words = 'The body is one article object or {"items": […]}.'
            raise Problem(
                422, words, errors=[field_error(within, "object_expected", "An object is required")]
            )


def _not_items(body: Body, others: Sequence[str]) -> Problem:
    if others:
        unknown = [
            field_error(body.path(0, name), "extra_forbidden", "Not allowed next to `items`")
            for name in others
        ]
        return Problem(422, "No other field is allowed next to `items`.", errors=unknown[:100])
    words = f"A list of 1 to {ITEMS_MAX} articles"
    return Problem(
        422,
        f"`items` is a list of 1 to {ITEMS_MAX} articles.",
        errors=[field_error(body.path(0, "items"), "items_invalid", words)],
    )


def validate_item(
    encoded: bytes, providers: Sequence[str]
) -> tuple[list[dict[str, str]], ArticleSubmitted | None]:
    """Returns the errors of an item, or the article."""
    if len(encoded) > CONTENT_BYTES_MAX:
        return [field_error("", "too_large", f"An article has at most {CONTENT_BYTES_MAX} bytes")], None
    try:
        article = _ARTICLE.validate_json(encoded, extra="forbid")
    except ValidationError as error:
        problem = invalid(error.errors(include_url=False, include_context=False), skip=0)
        return [dict(one) for one in problem.errors], None
    if not is_allowed(article.article_id, providers):
        words = f"Only ids of these providers are accepted here: {', '.join(providers)}"
        return [field_error("article_id", "provider_not_allowed", words)], None
    if len(encoded) * GROWTH_MAX > CONTENT_BYTES_MAX and Delivery.of(article, Arrival(0), None).too_large:
        return [field_error("", "too_large", f"An article has at most {CONTENT_BYTES_MAX} bytes")], None
    if "\x00" in encoded.decode() or b"\\u0000" in encoded:
        return [field_error("", "nul_character", "A text contains the character NUL")], None
    return [], article
