"""Serialisation: the envelope in XML and JSON, with articles and revocations."""

from collections.abc import Callable, Iterable
from typing import Any

import orjson

from clawback_simulator.catalogue import Fixed, Wire

MEMBERS = {
    "tags": "tag",
    "outboundUrls": "outboundUrl",
    "topics": "topic",
    "indexTerms": "indexTerm",
    "domains": "domain",
    "companies": "company",
    "locations": "location",
    "events": "event",
    "entities": "entity",
    "properties": "property",
    "licenses": "license",
    "linkedArticles": "linkedArticle",
    "matchingFilters": "matchingFilter",
    "matchingKeywords": "matchingKeyword",
    "summaries": "summary",
    "articles": "article",
    "revokedArticles": "article",
    "items": "item",
    "rateLimits": "rateLimit",
    "ids": "id",
}
"""The element of a list in XML, and that of its members. A list that is not here repeats its own element."""

DOUBLED = frozenset(MEMBERS) - {"articles", "revokedArticles", "items", "rateLimits", "ids", "summaries"}
"""Lists inside an article that a converter may double."""


class Beside(list[Any]):
    """A list whose members are siblings under its own name."""


DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
HEAD = f"{DECLARATION}<response><status>SUCCESS</status><messageCode/><userMessage/><developerMessage/>"
EMPTY: tuple[Callable[[str], str], ...] = (
    lambda name: f"<{name}/>",
    lambda name: f"<{name} />",
    lambda name: f"<{name}></{name}>",
)
"""The provider's three ways to write an empty element."""

REFERENCES = (
    ("&", "&amp;"),
    ("<", "&lt;"),
    (">", "&gt;"),
    ("\r", "&#xD;"),
    ("\x80", "&#x80;"),
    ("\x00", "&#0;"),
)


def escape(text: str) -> str:
    """Escapes text; characters that a parser would change or reject become references (a NUL is still rejected)."""
    for character, reference in REFERENCES:
        if character in text:
            text = text.replace(character, reference)
    return text


def element(name: str, value: Any, empty: Callable[[str], str]) -> str:
    """Returns one field as XML. The types are tested in the order of their frequency."""
    if isinstance(value, str):
        return f"<{name}>{escape(value)}</{name}>" if value else empty(name)
    if isinstance(value, Fixed):
        if value.xml is None:
            value.xml = _object(name, value, empty)
        return value.xml
    if isinstance(value, dict):
        return _object(name, value, empty)
    if isinstance(value, list):
        return _list(name, value, empty)
    return f"<{name}>{str(value).lower()}</{name}>"


def _object(name: str, value: Wire, empty: Callable[[str], str]) -> str:
    if not value:
        return empty(name)
    inner = "".join([element(key, item, empty) for key, item in value.items()])
    return f"<{name}>{inner}</{name}>"


def _list(name: str, value: list[Any], empty: Callable[[str], str]) -> str:
    """Returns the members inside the list's own element, or as siblings if it has none."""
    if name not in MEMBERS or isinstance(value, Beside):
        return "".join([element(name, item, empty) for item in value])
    if not value:
        return empty(name)
    inner = "".join([element(MEMBERS[name], item, empty) for item in value])
    return f"<{name}>{inner}</{name}>"


def article_xml(wire: Wire) -> str:
    """Returns one article; its empty elements are written in one of the three ways, by its id."""
    return element("article", wire, EMPTY[ord(str(wire.get("id", "0"))[-1]) % 3])


def doubled(value: Any, style: str) -> Any:
    """Returns the same with its inner lists as written by a converter: `doubled` or `named`."""
    if isinstance(value, list):
        return [doubled(one, style) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: doubled(one, style) for name, one in value.items()}
    for name in DOUBLED & set(found):
        if isinstance(found[name], list) and found[name]:
            found[name] = {name: Beside(found[name]) if style == "named" else found[name]}
    return found


def compacted(wire: Wire) -> Wire:
    """Returns the article without empty and machine-generated fields."""
    found = ("semantics", "sentiment", "indexTerms")
    return {name: value for name, value in wire.items() if value not in ("", [], {}) and name not in found}


def answer_xml(body: str) -> bytes:
    """Returns a successful answer around a piece of XML."""
    return f"{HEAD}{body}</response>".encode()


def articles_xml(articles: Iterable[Wire], more: Wire) -> bytes:
    """Returns an answer of articles; `more` are additional fields, such as totalResults."""
    inner = "".join(map(article_xml, articles))
    fields = "".join(element(name, value, EMPTY[0]) for name, value in more.items())
    return answer_xml(f"{fields}<articles>{inner}</articles>" if inner else f"{fields}<articles/>")


def answer_json(fields: Wire) -> bytes:
    """Returns a successful answer; the message fields are omitted, as by the provider."""
    return orjson.dumps({"status": "SUCCESS", **fields})


def failure(code: int, message: str, form: str, field: str) -> bytes:
    """Returns a FAILURE. `field` is `messages` or, as in older answers, `message`."""
    messages: Wire = {"userMessage": message, "developerMessage": f"{message} ({code})"}
    fields: Wire = {
        "status": "FAILURE",
        "messageCode": str(code),
        **(messages if field == "messages" else {"message": message}),
    }
    if form == "json":
        return orjson.dumps(fields)
    return (DECLARATION + element("response", fields, EMPTY[0])).encode()
