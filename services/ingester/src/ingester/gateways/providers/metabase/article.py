"""Converts one article of Metabase, given as a plain tree, to the contract's model.

Fields that are read are removed from the tree; the rest of the tree is ``extra``. So no field that the provider sends
is lost, whatever its name, and a value that cannot be read stays unchanged in its place.
"""

from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson
from pydantic import ValidationError

from clawback_common.errors import Poison
from clawback_contracts.article.v1 import CONTENT_BYTES_MAX, ArticleSubmitted
from ingester.gateways.providers.metabase.fields import NAME_CHARS_MAX, FieldReader, Fields, leave
from ingester.gateways.providers.metabase.tree import Tree
from ingester.gateways.providers.scalars import (
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
from ingester.gateways.providers.text import one_line
from ingester.gateways.providers.validation import places

PROVIDER: Final = "metabase"
NO_BODY: Final = "_ "
"""A body of only these characters is empty: the licence does not include one."""

_DATA_FORMATS: Final = frozenset({"text", "audio", "video", "image"})
_SURELY_SMALL: Final = CONTENT_BYTES_MAX // 2


class ParsedArticle(NamedTuple):
    """An article, and its fields that could not be read completely; these are in ``extra``."""

    article: ArticleSubmitted
    not_understood: frozenset[str]


def article_from(fields: Fields, received_at: datetime) -> ParsedArticle:
    """Returns the article in a plain tree, which this function consumes.

    Args:
        fields: The fields of one article.
        received_at: Used as the date of publication if the provider gives none.

    Raises:
        Poison: The article cannot be used; the text names fields, never values.
    """
    size = len(orjson.dumps(fields))
    if size > CONTENT_BYTES_MAX:
        raise Poison("too_large", f"{size} bytes of {CONTENT_BYTES_MAX}")
    reader = FieldReader()
    try:
        article = ArticleSubmitted.model_validate(_values(reader, fields, received_at))
    except ValidationError as error:
        raise Poison("invalid", places(error)) from None
    # A plain tree is JSON by construction. Validating it again would double the time of validation.
    article = article.model_copy(update={"extra": fields})
    if size > _SURELY_SMALL and (size := len(article.model_dump_json().encode())) > CONTENT_BYTES_MAX:
        raise Poison("too_large", f"{size} bytes of {CONTENT_BYTES_MAX}")
    return ParsedArticle(article, frozenset(reader.not_understood))


def _values(reader: FieldReader, fields: Fields, received_at: datetime) -> dict[str, Any]:
    """Returns the model's fields; the order matters, because each removes its own fields from the tree."""
    take, text = reader.take, reader.text
    values: dict[str, Any] = {
        "article_id": f"{PROVIDER}:{reader.required(fields, 'id', provider_id, 'id')}",
        "source_order": reader.required(fields, "sequenceId", int64, "sequence"),
        "embargoed_until": reader.strict(fields, "embargoDate", instant, "embargo_unreadable"),
        "licence_ends_at": _licence_end(reader, fields),
        "published_at": _published(reader, fields, received_at),
        "harvested_at": take(fields, "harvestDate", instant),
        "updated_at": take(fields, "updateDate", instant),
        "title": one_line(text(fields, "title") or ""),
        "subtitle": text(fields, "subTitle"),
        "body": _body(reader, fields, "content"),
        "markup": _body(reader, fields, "contentWithMarkup"),
        "summary": text(fields, "extract"),
        "tags": reader.names(fields, "tags"),
        "licences": [{"name": name} for name in reader.names(fields, "licenses")],
        "word_count": take(fields, "wordCount", natural),
        "language": take(fields, "languageCode", language),
        "data_format": take(fields, "dataFormat", _data_format),
        "url": text(fields, "url"),
        "original_url": text(fields, "originalUrl"),
        "copyright": text(fields, "copyright"),
        "duplicate_group": text(fields, "duplicateGroupId"),
    }
    values["topics"] = reader.rows(fields, "topics", _topic)
    values["companies"] = reader.rows(fields, "companies", _company)
    values["places"] = reader.rows(fields, "locations", _place)
    values["entities"] = reader.within(fields, "semantics", _entities) or ()
    values["sentiment"] = reader.within(fields, "sentiment", _score)
    values["authors"] = _authors(reader, fields)
    values["source"] = reader.within(fields, "source", _source) or {"key": "unknown"}
    return values


def _licence_end(reader: FieldReader, fields: Fields) -> datetime | None:
    """Returns the earlier end: of the article's licence or of its content's."""
    ends = (
        reader.strict(fields, name, instant, "licence_end_unreadable")
        for name in ("licenseEndDate", "contentLicenseEndDate")
    )
    return min((end for end in ends if end is not None), default=None)


def _published(reader: FieldReader, fields: Fields, received_at: datetime) -> datetime:
    """Returns the first readable one of three dates; only the date of publication itself is removed from the tree."""
    published = reader.take(fields, "publishedDate", instant)
    if published is not None:
        return published
    for name in ("estimatedPublishedDate", "harvestDate"):
        raw = fields.get(name)
        stand_in = instant(raw) if isinstance(raw, str) else None
        if stand_in is not None:
            return stand_in
    return received_at


def _body(reader: FieldReader, fields: Fields, name: str) -> str | None:
    text = reader.text(fields, name)
    return text if text and text.strip(NO_BODY) else None


def _data_format(text: str) -> str | None:
    return text.lower() if text.lower() in _DATA_FORMATS else None


def _score(reader: FieldReader, sentiment: Fields) -> float | None:
    return reader.take(sentiment, "score", score)


def _topic(reader: FieldReader, row: Fields) -> dict[str, Any] | None:
    name = reader.text(row, "name")
    return {"name": name, "group": reader.text(row, "group")} if name else None


def _company(reader: FieldReader, row: Fields) -> dict[str, Any] | None:
    name = reader.text(row, "name")
    if not name:
        return None
    return {"name": name, **{field: reader.text(row, field) for field in ("symbol", "exchange", "isin")}}


def _place(reader: FieldReader, row: Fields) -> dict[str, Any] | None:
    if "name" not in row and "country" not in row:
        return None
    return {
        "name": reader.text(row, "name"),
        "country_code": reader.within(row, "country", _iso_code),
        "region": reader.text(row, "region"),
        "latitude": reader.take(row, "latitude", latitude),
        "longitude": reader.take(row, "longitude", longitude),
    }


def _iso_code(reader: FieldReader, country: Fields) -> str | None:
    return reader.take(country, "isoCode", country_code)


def _entities(reader: FieldReader, semantics: Fields) -> list[dict[str, Any]]:
    return reader.rows(semantics, "entities", _entity)


def _entity(reader: FieldReader, row: Fields) -> dict[str, Any] | None:
    """Reads an entity: a list of named properties, of which type and value are used."""
    properties = reader.members(row, "properties") or []
    found = {str(each.get("name")): each for each in properties if isinstance(each, dict)}
    kind, value = found.get("type", {}).get("value"), found.get("value", {}).get("value")
    if not isinstance(kind, str) or not isinstance(value, str):
        return None
    rest: list[Tree] = [
        each for each in properties if each is not found["type"] and each is not found["value"]
    ]
    leave(row, "properties", rest)
    return {"type": kind, "value": value}


def _authors(reader: FieldReader, fields: Fields) -> list[str]:
    author = fields.get("author")
    name = (
        reader.text(fields, "author")
        if isinstance(author, str)
        else reader.within(fields, "author", _author_name)
    )
    return [one_line(name)] if name else []


def _author_name(reader: FieldReader, author: Fields) -> str | None:
    return reader.text(author, "name")


def _source(reader: FieldReader, source: Fields) -> dict[str, Any]:
    """Reads the source with the most stable available key: ``source.id`` was empty in every article seen."""
    feed = source.get("feed")
    feed_id = feed.get("id") if isinstance(feed, dict) else None
    name, home_url = reader.text(source, "name"), reader.text(source, "homeUrl")
    keys = (("feed", feed_id), ("name", name), ("home", home_url), ("id", source.get("id")))
    key = next((f"{kind}:{value}" for kind, value in keys if isinstance(value, str)), "unknown")
    return {
        "key": key[:NAME_CHARS_MAX],
        "name": name,
        "home_url": home_url,
        "media_type": reader.text(source, "primaryMediaType"),
        "category": reader.text(source, "category"),
        "editorial_rank": reader.take(source, "editorialRank", natural),
        "place": reader.within(source, "location", _source_place),
    }


def _source_place(reader: FieldReader, location: Fields) -> dict[str, Any]:
    return {
        "name": reader.text(location, "country"),
        "country_code": reader.take(location, "countryCode", country_code),
        "region": reader.text(location, "region"),
    }
