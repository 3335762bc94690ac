"""From values to bytes: the envelope in XML and JSON, articles and revocations inside it."""

import re
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
}
"""A list's element in XML and that of its members. A list that is not here repeats its own element."""

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
HEAD = f"{DECLARATION}<response><status>SUCCESS</status><messageCode/><userMessage/><developerMessage/>"
EMPTY: tuple[Callable[[str], str], ...] = (
    lambda name: f"<{name}/>",
    lambda name: f"<{name} />",
    lambda name: f"<{name}></{name}>",
)
"""The provider's three ways to write an empty element."""

SPECIAL = re.compile("[&<>\r\x80\x00]")
REFERENCES = (
    ("&", "&amp;"),
    ("<", "&lt;"),
    (">", "&gt;"),
    ("\r", "&#xD;"),
    ("\x80", "&#x80;"),
    ("\x00", "&#0;"),
)


def escape(text: str) -> str:
    """Text between tags; what a parser would change or refuse becomes a reference (a NUL is refused all the same)."""
    if SPECIAL.search(text) is None:
        return text
    for character, reference in REFERENCES:
        text = text.replace(character, reference)
    return text


def element(name: str, value: Any, empty: Callable[[str], str]) -> str:  # noqa: PLR0911  one a case
    """One field as XML."""
    match value:
        case "" | None:
            return empty(name)
        case str():
            return f"<{name}>{escape(value)}</{name}>"
        case bool():
            return f"<{name}>{'true' if value else 'false'}</{name}>"
        case dict():
            return _object(name, value, empty)
        case list() if name not in MEMBERS:
            return "".join(element(name, item, empty) for item in value)
        case list():
            inner = "".join(element(MEMBERS[name], item, empty) for item in value)
            return f"<{name}>{inner}</{name}>" if inner else empty(name)
        case _:
            return f"<{name}>{value}</{name}>"


def _object(name: str, value: Wire, empty: Callable[[str], str]) -> str:
    if isinstance(value, Fixed) and value.xml is not None:
        return value.xml
    inner = "".join(
        [  # most fields are texts: not asking `element` for those makes a page a third faster
            f"<{key}>{escape(item)}</{key}>" if item and type(item) is str else element(key, item, empty)
            for key, item in value.items()
        ]
    )
    text = f"<{name}>{inner}</{name}>" if inner else empty(name)
    if isinstance(value, Fixed):
        value.xml = text
    return text


def article_xml(wire: Wire) -> str:
    """One article; its empty elements are written in one of the three ways, by its id."""
    return element("article", wire, EMPTY[ord(str(wire.get("id", "0"))[-1]) % 3])


def compacted(wire: Wire) -> Wire:
    """The article without what is empty, and without what was found by machine."""
    found = ("semantics", "sentiment", "indexTerms")
    return {name: value for name, value in wire.items() if value not in ("", [], {}) and name not in found}


def answer_xml(body: str) -> bytes:
    """A successful answer around a piece of XML."""
    return f"{HEAD}{body}</response>".encode()


def articles_xml(articles: Iterable[Wire], more: Wire) -> bytes:
    """An answer of articles; `more` are fields beside them, such as totalResults."""
    inner = "".join(map(article_xml, articles))
    fields = "".join(element(name, value, EMPTY[0]) for name, value in more.items())
    return answer_xml(f"{fields}<articles>{inner}</articles>" if inner else f"{fields}<articles/>")


def answer_json(fields: Wire) -> bytes:
    """A successful answer; the message fields are left out, as the provider does."""
    return orjson.dumps({"status": "SUCCESS", **fields})


def failure(code: int, message: str, form: str, field: str) -> bytes:
    """A FAILURE. `field` is `messages` or, as in older answers, `message`."""
    said: Wire = {"userMessage": message, "developerMessage": f"{message} ({code})"}
    fields: Wire = {
        "status": "FAILURE",
        "messageCode": str(code),
        **(said if field == "messages" else {"message": message}),
    }
    if form == "json":
        return orjson.dumps(fields)
    return (DECLARATION + element("response", fields, EMPTY[0])).encode()
