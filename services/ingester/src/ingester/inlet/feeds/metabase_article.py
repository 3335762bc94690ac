"""One article of Metabase, from its plain tree to the contract's model.

What is understood is taken out of the tree; what is left of the tree is ``extra``. So nothing that the provider
sends is dropped, however it is called, and a value that cannot be read stays where it was, as it came.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, TypeVar

import orjson
from pydantic import ValidationError

from clawback_common.errors import Poison
from clawback_common.telemetry.describe import place
from clawback_contracts.article.v1 import CONTENT_BYTES_MAX, ArticleSubmitted
from ingester.inlet.feeds.metabase_scalars import (
    country_code,
    instant,
    int64,
    language,
    latitude,
    longitude,
    natural,
    provider_id,
    score,
)
from ingester.inlet.feeds.wire_text import one_line
from ingester.inlet.feeds.wire_tree import Tree

T = TypeVar("T")
Fields = dict[str, Tree]

PROVIDER: Final = "metabase"
NO_BODY: Final = "_ "
"""A body of nothing but these is none: the licence delivers none."""

_DATA_FORMATS: Final = frozenset({"text", "audio", "video", "image"})
_SOURCE_KEY_MAX: Final = 500
_SURELY_SMALL: Final = CONTENT_BYTES_MAX // 2


def article_from(fields: Fields, received_at: datetime) -> ArticleSubmitted:
    """The article in a plain tree, which is used up.

    Args:
        fields: of one article.
        received_at: stands in for the date of publication where the provider gives none.

    Raises:
        Poison: it cannot be used, with the reason; the text names fields, never values.
    """
    size = len(orjson.dumps(fields))
    if size > CONTENT_BYTES_MAX:
        raise Poison("too_large", f"{size} bytes of {CONTENT_BYTES_MAX}")
    try:
        article = ArticleSubmitted.model_validate(_values(fields, received_at))
    except ValidationError as error:
        raise Poison("invalid", _places(error)) from None
    # A plain tree is JSON by construction: to have it validated again would double the time that validation takes.
    article = article.model_copy(update={"extra": fields})
    if size > _SURELY_SMALL and (size := len(article.model_dump_json().encode())) > CONTENT_BYTES_MAX:
        raise Poison("too_large", f"{size} bytes of {CONTENT_BYTES_MAX}")
    return article


def _values(fields: Fields, received_at: datetime) -> dict[str, Any]:
    """The model's fields; the order matters, for each takes its own out of the tree."""
    values: dict[str, Any] = {
        "article_id": f"{PROVIDER}:{_essential(fields, 'id', provider_id)}",
        "source_order": _essential(fields, "sequenceId", int64),
        "embargoed_until": _promise(fields, "embargoDate", "embargo_unreadable"),
        "licence_ends_at": _licence_end(fields),
        "published_at": _published(fields, received_at),
        "harvested_at": _take(fields, "harvestDate", instant),
        "updated_at": _take(fields, "updateDate", instant),
        "title": one_line(_text(fields, "title") or ""),
        "subtitle": _text(fields, "subTitle"),
        "body": _body(fields, "content"),
        "markup": _body(fields, "contentWithMarkup"),
        "summary": _text(fields, "extract"),
        "tags": _names(fields, "tags"),
        "licences": [{"name": name} for name in _names(fields, "licenses")],
        "word_count": _take(fields, "wordCount", natural),
        "language": _take(fields, "languageCode", language),
        "data_format": _take(fields, "dataFormat", _data_format),
        "url": _text(fields, "url"),
        "original_url": _text(fields, "originalUrl"),
        "copyright": _text(fields, "copyright"),
        "duplicate_group": _text(fields, "duplicateGroupId"),
    }
    values["topics"] = _rows(fields, "topics", _topic)
    values["companies"] = _rows(fields, "companies", _company)
    values["places"] = _rows(fields, "locations", _place)
    values["entities"] = _within(fields, "semantics", _entities) or ()
    values["sentiment"] = _within(fields, "sentiment", lambda found: _take(found, "score", score))
    values["authors"] = _authors(fields)
    values["source"] = _within(fields, "source", _source) or {"key": "unknown"}
    return values


# Scalars


def _take(fields: Fields, name: str, read: Callable[[str], T | None]) -> T | None:
    """A field's value; one that cannot be read stays in the tree."""
    raw = fields.get(name)
    value = read(raw) if isinstance(raw, str) else None
    if value is not None:
        del fields[name]
    return value


def _text(fields: Fields, name: str) -> str | None:
    return _take(fields, name, str)


def _essential(fields: Fields, name: str, read: Callable[[str], T | None]) -> T:
    if name not in fields:
        raise Poison(f"no_{_SNAKE[name]}", name)
    value = _take(fields, name, read)
    if value is None:
        raise Poison(f"{_SNAKE[name]}_unreadable", name)
    return value


_SNAKE: Final = {"id": "id", "sequenceId": "sequence"}


def _promise(fields: Fields, name: str, reason: str) -> datetime | None:
    """A date that we must keep to: if it is there and cannot be read, the article must not go out."""
    value = _take(fields, name, instant)
    if value is None and name in fields:
        raise Poison(reason, name)
    return value


def _licence_end(fields: Fields) -> datetime | None:
    """The earlier of the two ends: of the article's licence and of its content's."""
    ends = (
        _promise(fields, name, "licence_end_unreadable")
        for name in ("licenseEndDate", "contentLicenseEndDate")
    )
    return min((end for end in ends if end is not None), default=None)


def _published(fields: Fields, received_at: datetime) -> datetime:
    """The first of three dates that can be read; only the date of publication itself is used up."""
    published = _take(fields, "publishedDate", instant)
    if published is not None:
        return published
    for name in ("estimatedPublishedDate", "harvestDate"):
        raw = fields.get(name)
        stand_in = instant(raw) if isinstance(raw, str) else None
        if stand_in is not None:
            return stand_in
    return received_at


def _body(fields: Fields, name: str) -> str | None:
    text = _text(fields, name)
    return text if text and text.strip(NO_BODY) else None


def _data_format(text: str) -> str | None:
    return text.lower() if text.lower() in _DATA_FORMATS else None


# Lists and objects


def _list(fields: Fields, name: str) -> list[Tree] | None:
    """A list; one value counts as a list of one, an object around one list as that list."""
    value = fields.get(name)
    if isinstance(value, dict) and len(value) == 1:
        (inner,) = value.values()
        value = inner if isinstance(inner, list) else value
    return value if value is None or isinstance(value, list) else [value]


def _names(fields: Fields, name: str) -> list[str]:
    """The texts or names of a list, each once; what else stands in it stays in the tree."""
    members = _list(fields, name)
    if members is None:
        return []
    names: dict[str, None] = {}
    rest: list[Tree] = []
    for member in members:
        text = member.pop("name", None) if isinstance(member, dict) else member
        if isinstance(text, str) and len(text) <= _SOURCE_KEY_MAX:
            names[text] = None
            text = None
        left = member if isinstance(member, dict) and member else text
        if left:
            rest.append(left)
    _leave(fields, name, rest)
    return list(names)


def _rows(fields: Fields, name: str, read: Callable[[Fields], dict[str, Any] | None]) -> list[dict[str, Any]]:
    """What was understood of a list of objects, equal ones once; ``extra`` keeps the rest of each, in the same order.

    An object of which nothing was left stands there as an empty one, so that the two lists run side by side.
    """
    members = _list(fields, name)
    if members is None:
        return []
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    rest: list[Tree] = []
    unread: list[Tree] = []
    for member in members:
        row = read(member) if isinstance(member, dict) else None
        if row is None:
            unread.append(member)
        elif (same := tuple(row.values())) not in rows:
            rows[same] = row
            rest.append(member)
    _leave(fields, name, [*(rest if any(rest) else ()), *unread])
    return list(rows.values())


def _leave(fields: Fields, name: str, rest: list[Tree]) -> None:
    if rest:
        fields[name] = rest
    else:
        del fields[name]


def _within(fields: Fields, name: str, read: Callable[[Fields], T]) -> T | None:
    """What was understood of an object; what is left of it stays in the tree."""
    inner = fields.get(name)
    if not isinstance(inner, dict):
        return None
    value = read(inner)
    if not inner:
        del fields[name]
    return value


def _topic(row: Fields) -> dict[str, Any] | None:
    name = _text(row, "name")
    return {"name": name, "group": _text(row, "group")} if name else None


def _company(row: Fields) -> dict[str, Any] | None:
    name = _text(row, "name")
    if not name:
        return None
    return {"name": name, **{field: _text(row, field) for field in ("symbol", "exchange", "isin")}}


def _place(row: Fields) -> dict[str, Any] | None:
    if "name" not in row and "country" not in row:
        return None
    return {
        "name": _text(row, "name"),
        "country_code": _within(row, "country", lambda country: _take(country, "isoCode", country_code)),
        "region": _text(row, "region"),
        "latitude": _take(row, "latitude", latitude),
        "longitude": _take(row, "longitude", longitude),
    }


def _entities(semantics: Fields) -> list[dict[str, Any]]:
    return _rows(semantics, "entities", _entity)


def _entity(row: Fields) -> dict[str, Any] | None:
    """An entity is a list of named properties, of which type and value are taken."""
    properties = row.get("properties")
    if not isinstance(properties, list):
        return None
    found = {str(each.get("name")): each for each in properties if isinstance(each, dict)}
    kind, value = found.get("type", {}).get("value"), found.get("value", {}).get("value")
    if not isinstance(kind, str) or not isinstance(value, str):
        return None
    rest: list[Tree] = [
        each for each in properties if each is not found["type"] and each is not found["value"]
    ]
    _leave(row, "properties", rest)
    return {"type": kind, "value": value}


def _authors(fields: Fields) -> list[str]:
    author = fields.get("author")
    name = _text(fields, "author") if isinstance(author, str) else _within(fields, "author", _author_name)
    return [one_line(name)] if name else []


def _author_name(author: Fields) -> str | None:
    return _text(author, "name")


def _source(source: Fields) -> dict[str, Any]:
    """The source, under the steadiest key there is: ``source.id`` came empty in every article seen."""
    feed = source.get("feed")
    feed_id = feed.get("id") if isinstance(feed, dict) else None
    name, home_url = _text(source, "name"), _text(source, "homeUrl")
    keys = (("feed", feed_id), ("name", name), ("home", home_url), ("id", source.get("id")))
    key = next((f"{kind}:{value}" for kind, value in keys if isinstance(value, str)), "unknown")
    return {
        "key": key[:_SOURCE_KEY_MAX],
        "name": name,
        "home_url": home_url,
        "media_type": _text(source, "primaryMediaType"),
        "category": _text(source, "category"),
        "editorial_rank": _take(source, "editorialRank", natural),
        "place": _within(source, "location", _source_place),
    }


def _source_place(location: Fields) -> dict[str, Any]:
    return {
        "name": _text(location, "country"),
        "country_code": _take(location, "countryCode", country_code),
        "region": _text(location, "region"),
    }


def _places(error: ValidationError) -> str:
    """Which fields, and which rule each broke."""
    found: Iterable[Any] = error.errors(include_url=False, include_context=False, include_input=False)
    return ", ".join(f"{place(each['loc'])} ({each['type']})" for each in found)
